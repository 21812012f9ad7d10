import { Fault, isFault } from "#domain/fault.ts";
import type { ReplicaId } from "#domain/ids.ts";
import type { HostConnection } from "../host.ts";
import { replicaLayout, type ReplicaLayout } from "./layout.ts";
import { changeScript, conflictExit } from "./state-scripts.ts";
import { parseReplica, serializeReplica, type StoredReplica } from "./stored-replica.ts";

/** What the store needs of a host; the offline commands give it the local machine. */
export type StoreHost = Pick<HostConnection, "name" | "run" | "openUnix">;

/** One step of a change, carried out before the new state counts (`remove`: after it). */
export type Operation =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "image"; readonly path: string; readonly sizeBytes: number; readonly backing: string | undefined }
  | { readonly kind: "write"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "append"; readonly path: string; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "sync"; readonly path: string }
  | { readonly kind: "drop"; readonly path: string }
  | { readonly kind: "remove"; readonly path: string }
  /** A folder, when nothing is left in it. */
  | { readonly kind: "tidy"; readonly path: string };

export interface Change {
  readonly state: StoredReplica;
  readonly operations?: readonly Operation[];
}

export interface ChangeOptions {
  readonly purpose: string;
  readonly signal: AbortSignal;
  /** Waits until no merge runs, and keeps others from starting one: for changes of what may be merged. */
  readonly exclusive?: boolean;
  readonly timeoutMs?: number;
}

/** One replica's files on the host. Several workers may write at once: each change is made to the newest state or not at all. */
export interface ReplicaStore {
  readonly host: StoreHost;
  readonly layout: ReplicaLayout;
  /** Undefined where there is no such replica. */
  find(signal: AbortSignal): Promise<StoredReplica | undefined>;
  /** Rejects with `REPLICA_NOT_FOUND`. */
  read(signal: AbortSignal): Promise<StoredReplica>;
  create(change: Change, options: ChangeOptions): Promise<StoredReplica>;
  /**
   * Changes the newest state durably. `plan` sees it and says what becomes of it (undefined: nothing); it is called again when somebody else was quicker, and refuses
   * by throwing. `revision` and `pinnedUpTo` are set here.
   */
  change(plan: (state: StoredReplica) => Change | undefined, options: ChangeOptions): Promise<StoredReplica>;
}

const attempts = 20;

export const openStore = (request: {
  readonly host: StoreHost;
  readonly store: string;
  readonly replica: ReplicaId;
}): ReplicaStore => {
  const { host, replica } = request;
  const layout = replicaLayout(request.store, replica);
  /** The state as this worker last saw it. Never trusted: a change made to an old one is refused by the host. */
  let seen: StoredReplica | undefined;

  const find: ReplicaStore["find"] = async (signal) => {
    const { stdout } = await host.run('[ ! -e "$1" ] || cat "$1"', [layout.state], {
      purpose: `read the state of replica ${replica}`,
      timeoutMs: 30_000,
      signal,
    });
    seen = stdout === "" ? undefined : parseReplica(stdout, `${layout.state} on host ${host.name}`);
    return seen;
  };
  const read: ReplicaStore["read"] = async (signal) => {
    const state = await find(signal);
    if (state !== undefined) return state;
    throw new Fault(
      "REPLICA_NOT_FOUND",
      `Host ${host.name} has no replica ${replica} in its store (${layout.root}): enable protection, or see which there are: understudy points --store ${request.store}`,
      {
        details: { host: host.name, replica },
      },
    );
  };
  const apply = async (
    expected: StoredReplica | undefined,
    change: Change,
    options: ChangeOptions,
  ): Promise<StoredReplica | undefined> => {
    const next: StoredReplica = {
      ...withoutOldReaders(change.state),
      revision: (expected?.revision ?? 0) + 1,
      pinnedUpTo: pinnedUpTo(change.state),
    };
    const operations = change.operations ?? [];
    // Not as an argument: one may have 128 KiB at most, and some twenty disks with all their layers need more.
    const written = Buffer.from(serializeReplica(next)).toString("base64");
    const bytes = operations.flatMap((operation) => ("bytes" in operation ? [operation.bytes] : []));
    try {
      await host.run(
        changeScript,
        [
          layout.root,
          expected === undefined ? "none" : String(expected.revision),
          String(written.length),
          options.exclusive === true ? "exclusive" : "shared",
          ...[
            ...operations.filter(({ kind }) => kind !== "remove" && kind !== "tidy"),
            ...operations.filter(({ kind }) => kind === "remove"),
            ...operations.filter(({ kind }) => kind === "tidy"),
          ].flatMap(words),
        ],
        {
          purpose: options.purpose,
          timeoutMs: options.timeoutMs ?? 60_000,
          signal: options.signal,
          stdin: `${written}${Buffer.concat(bytes).toString("base64")}`,
        },
      );
    } catch (error) {
      seen = undefined;
      if (exitCode(error) === conflictExit) return undefined;
      throw error;
    }
    seen = next;
    return next;
  };
  return {
    host,
    layout,
    find,
    read,
    create: async (change, options) => {
      const created = await apply(undefined, change, options);
      if (created !== undefined) return created;
      return read(options.signal);
    },
    change: async (plan, options) => {
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const state = seen ?? (await read(options.signal));
        let planned: Change | undefined;
        try {
          planned = plan(state);
        } catch (error) {
          // Refused on what this worker remembers: ask what is true now before saying so.
          if ((await read(options.signal)).revision === state.revision) throw error;
          continue;
        }
        if (planned === undefined) {
          if ((await read(options.signal)).revision === state.revision) return state;
          continue;
        }
        const changed = await apply(state, planned, options);
        if (changed !== undefined) return changed;
      }
      throw new Fault(
        "REPLICA_BUSY",
        `Replica ${replica} on host ${host.name} is being changed by others all the time: ${attempts} attempts to ${options.purpose} came too late. It is tried again.`,
      );
    },
  };
};

/** A reader that died without saying so must not hold the merges up for ever. */
const withoutOldReaders = (state: StoredReplica): StoredReplica => {
  if (state.readers === undefined) return state;
  const { readers, ...rest } = state;
  const alive = readers.filter(({ until }) => Date.parse(until) > Date.now());
  return alive.length === 0 ? rest : { ...rest, readers: alive };
};

const pinnedUpTo = (state: StoredReplica): number =>
  Math.max(
    -1,
    ...state.activations.map(({ layer }) => layer),
    ...(withoutOldReaders(state).readers ?? []).map(({ layer }) => layer),
  );

const words = (operation: Operation): readonly string[] => {
  switch (operation.kind) {
    case "image":
      return ["image", operation.path, String(operation.sizeBytes), operation.backing ?? "-"];
    case "write":
      return ["write", operation.path, String(operation.bytes.length)];
    case "append":
      return ["append", operation.path, String(operation.at), String(operation.bytes.length)];
    case "folder":
    case "sync":
    case "drop":
    case "remove":
    case "tidy":
      return [operation.kind, operation.path];
  }
};

/** The exit code of a script that ran and failed. */
export const exitCode = (error: unknown): unknown => (isFault(error) ? error.details["exitCode"] : undefined);
