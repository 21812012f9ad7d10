import { setTimeout as delay } from "node:timers/promises";
import { Fault, isFault } from "#domain/fault.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { instant, type DiskId } from "#domain/ids.ts";
import type { Replica, ReplicaState } from "#transfer/replica.ts";
import { entries, lastCut, newestLayer, withSealed } from "./chain.ts";
import { digestHeader } from "./digest-log.ts";
import type { Change, Operation, ReplicaStore } from "./host-store.ts";
import { openIncomingDisk, type IncomingDisk } from "./incoming-disk.ts";
import { dropIncoming, incomingState, planBegin, withoutIncoming } from "./incoming-plan.ts";
import { describePoint, serializeManifest } from "./manifest.ts";
import { mergeForgotten } from "./merging.ts";
import { inTurn } from "./in-turn.ts";
import { findManifest, readPoints } from "./read-points.ts";
import { startDaemons, type StorageDaemon } from "./storage-daemons.ts";
import type { DigestCoverage, StoredIncoming, StoredReplica } from "./stored-replica.ts";

export interface ReceiveOptions {
  readonly store: ReplicaStore;
  readonly epoch: number;
  /** What this opening wrote into the replica as its `opener`. */
  readonly token: string;
  readonly now: () => number;
  /** Merges go on in the background: what fails there is tried again after the next delta, and told here. */
  readonly onWarning: (fault: unknown) => void;
}

/** So many forgotten layers may wait for their merge before the next delta has to wait for them. */
const waitingMerges = 6;
/** How long the end of an opening waits for a merge that runs. */
const longMergeMs = 5_000;

/** An opened replica: deltas come in as layers of their own. The storage daemons are started by the first `begin`. */
export const receive = (options: ReceiveOptions): Replica => {
  const { store, epoch, token } = options;
  const { host, layout } = store;
  const turn = inTurn();
  const life = new AbortController();
  const daemons = new Map<DiskId, StorageDaemon>();
  let open = new Map<DiskId, IncomingDisk>();
  /** Records taken from a disk's recorder that are not stored yet. */
  let unstored = new Map<DiskId, Buffer>();
  let replica = "";
  let viewing = false;
  let ended = false;
  let merging: Promise<void> | undefined;

  const guard = (state: StoredReplica): void => {
    replica = state.replica;
    if (ended) throw closed(state.replica);
    guardOwner(state);
  };
  const guardOwner = (state: StoredReplica): void => {
    if (state.epoch !== epoch)
      throw new Fault(
        "STALE_EPOCH",
        `Replica ${state.replica} on host ${host.name} has seen epoch ${state.epoch}; this sender's is ${epoch}: the machine was failed over, or another worker has taken over.`,
        {
          details: { replica: state.replica, epoch: state.epoch, asked: epoch },
        },
      );
    if (state.opener !== token)
      throw new Fault(
        "REPLICA_BUSY",
        `Replica ${state.replica} on host ${host.name} was opened again by another sender of the same epoch, which replaces this one.`,
      );
  };
  const change = (
    purpose: string,
    signal: AbortSignal,
    plan: (state: StoredReplica) => Change | undefined,
  ): Promise<StoredReplica> =>
    store.change(
      (state) => {
        guard(state);
        return plan(state);
      },
      { purpose: `${purpose} of replica ${replica}`, signal },
    );
  const read = async (signal: AbortSignal): Promise<StoredReplica> => {
    const state = await store.read(signal);
    guard(state);
    return state;
  };

  const closeDisks = async (): Promise<void> => {
    const disks = [...open.values()];
    open = new Map();
    unstored = new Map();
    viewing = false;
    // What a dead daemon had open is closed already.
    await Promise.all(disks.map((disk) => disk.close().catch(ignoreLost)));
  };
  const openDisks = async (state: StoredReplica, incoming: StoredIncoming, signal: AbortSignal): Promise<void> => {
    const missing = Object.keys(incoming.disks).filter(
      (disk) => daemons.get(disk as DiskId)?.qmp.closed !== false,
    ) as DiskId[];
    if (missing.length > 0) {
      const started = await startDaemons({ host, layout, replica: state.replica }, missing, signal);
      for (const [disk, daemon] of started) daemons.set(disk, daemon);
    }
    const opened = await Promise.all(
      entries(incoming.disks).map(async ([disk, stored]): Promise<readonly [DiskId, IncomingDisk]> => {
        const daemon = daemons.get(disk);
        if (daemon === undefined)
          throw new Fault("INTERNAL", `Disk ${disk} of replica ${state.replica} has no storage daemon.`);
        const incomingDisk = await openIncomingDisk({
          disk,
          daemon,
          file: layout.image(disk, incoming.layer),
          sealed: stored.backing < 0 ? undefined : layout.image(disk, stored.backing),
          stored,
          recordReads: incoming.mode === "resynchronize",
          signal: life.signal,
        });
        return [disk, incomingDisk];
      }),
    );
    open = new Map(opened);
  };
  const openDisk = (disk: DiskId): IncomingDisk => {
    if (ended) throw closed(replica);
    const found = open.get(disk);
    if (found !== undefined) return found;
    const known = [...open.keys()].join(", ");
    throw new Fault(
      open.size === 0 ? "OPERATION_NOT_ALLOWED" : "INVALID_INPUT",
      open.size === 0
        ? `Replica ${replica} is not receiving: begin a delta first.`
        : `The delta that replica ${replica} receives has no disk ${disk}; it has: ${known}.`,
    );
  };
  /** The digests not stored yet, as an operation, and what it leaves the file's length at. */
  const storeDigests = (
    disk: DiskId,
    stored: StoredIncoming,
  ): { readonly operation: Operation; readonly length: number } => {
    const records = unstored.get(disk) ?? Buffer.alloc(0);
    const at = stored.disks[disk]?.digestBytes ?? 0;
    const bytes = at === 0 ? Buffer.concat([digestHeader(), records]) : records;
    return {
      operation: { kind: "append", path: layout.digests(disk, stored.layer), at, bytes },
      length: at + bytes.length,
    };
  };
  const takeDigests = (disk: DiskId, from: IncomingDisk): void => {
    const waiting = unstored.get(disk);
    const taken = from.recorder.take();
    unstored.set(disk, waiting === undefined ? taken : Buffer.concat([waiting, taken]));
  };
  const coverage = (disk: DiskId, incoming: StoredIncoming): DigestCoverage =>
    incoming.mode === "resynchronize" && open.get(disk)?.covered.complete === true ? "complete" : "delta";

  const startMerging = (): void => {
    if (merging !== undefined || viewing || ended) return;
    const run = mergeForgotten(store, { signal: life.signal, guard: guardOwner, proceed: () => !viewing })
      .catch((error: unknown) => {
        if (!life.signal.aborted) options.onWarning(error);
      })
      .finally(() => {
        merging = undefined;
      });
    merging = run;
  };

  return {
    state: async (signal) => replicaState(await read(signal)),

    begin: (request, signal) =>
      turn(async () => {
        await closeDisks();
        const state = await change("begin a delta", signal, (current) => planBegin(current, request, layout));
        const { incoming } = state;
        if (incoming === undefined)
          throw new Fault("INTERNAL", `Replica ${state.replica} has no incoming delta after begin.`);
        await openDisks(state, incoming, signal);
        startMerging();
        return incomingState(incoming);
      }),

    sink: async (disk, signal) => {
      await turn(() => Promise.resolve());
      return await openDisk(disk).sink(signal);
    },

    current: (disk, signal) =>
      turn(async () => {
        const found = openDisk(disk);
        viewing = true;
        await merging;
        return await found.current(signal);
      }),

    checkpoint: (disk, offset, signal) =>
      turn(async () => {
        const found = openDisk(disk);
        takeDigests(disk, found);
        const covered = found.covered.prefixBytes();
        const { dataBytes } = found;
        await found.flush(signal);
        await change("checkpoint", signal, (state) => {
          const stored = state.incoming?.disks[disk];
          if (state.incoming === undefined || stored === undefined) throw closed(state.replica);
          const digests = storeDigests(disk, state.incoming);
          const next = {
            ...stored,
            resumeOffset: Math.max(stored.resumeOffset, offset),
            digestBytes: digests.length,
            dataBytes: stored.dataBytes + dataBytes,
            coveredBytes: covered,
          };
          const incoming = { ...state.incoming, disks: { ...state.incoming.disks, [disk]: next } };
          return { state: { ...state, incoming }, operations: [digests.operation] };
        });
        found.counted(dataBytes);
        unstored.delete(disk);
      }),

    seal: (request, signal) =>
      turn(async () => {
        const { cut } = request;
        const before = await read(signal);
        if (newestLayer(before)?.cut === cut.id && newestLayer(before)?.point === true) {
          const sealed = findManifest(await readPoints(store, signal), cut.id);
          if (sealed !== undefined) return sealed.point;
        }
        const { incoming } = before;
        if (incoming === undefined)
          throw new Fault(
            "OPERATION_NOT_ALLOWED",
            `Replica ${before.replica} has nothing to seal: begin a delta first.`,
          );
        if (
          cut.disks.some(({ id, sizeBytes }) => incoming.disks[id]?.sizeBytes !== sizeBytes) ||
          cut.disks.length !== Object.keys(incoming.disks).length
        )
          throw new Fault(
            "INVALID_INPUT",
            `Cut ${cut.id} has other disks than the delta that replica ${before.replica} has received: begin again with this cut.`,
          );
        for (const disk of Object.keys(incoming.disks)) openDisk(disk as DiskId);
        if (before.layers.filter((layer) => !layer.point && layer.layer > before.pinnedUpTo).length > waitingMerges)
          await merging;
        await Promise.all([...open.values()].map((disk) => disk.flush(signal)));
        const disks = [...open];
        for (const [disk, found] of disks) takeDigests(disk, found);
        await Promise.all(disks.map(([, disk]) => disk.close()));

        const nowMs = options.now();
        const received = disks.reduce((sum, [, disk]) => sum + disk.dataBytes, 0);
        const deltaBytes = received + Object.values(incoming.disks).reduce((sum, disk) => sum + disk.dataBytes, 0);
        const point: RecoveryPoint = { ...cut, sealedAt: instant(nowMs), kept: request.keep, deltaBytes };
        const digests = Object.fromEntries(disks.map(([disk]) => [disk, coverage(disk, incoming)]));
        await change(`seal cut ${cut.id}`, signal, (state) => {
          if (state.incoming === undefined) throw closed(state.replica);
          const stored = state.incoming;
          const { state: next, forgotten } = withSealed(state, { ...request, nowMs, digests, incoming: stored });
          return {
            state: next,
            operations: [
              ...disks.flatMap(([disk]): Operation[] => [
                { kind: "sync", path: layout.image(disk, stored.layer) },
                storeDigests(disk, stored).operation,
                { kind: "sync", path: layout.diskFolder(disk) },
              ]),
              {
                kind: "write",
                path: layout.manifest(cut.id),
                bytes: serializeManifest(describePoint(point, stored.layer)),
              },
              ...forgotten.map((gone): Operation => ({ kind: "remove", path: layout.manifest(gone) })),
            ],
          };
        });
        open = new Map();
        unstored = new Map();
        viewing = false;
        startMerging();
        return point;
      }),

    discardIncoming: (signal) =>
      turn(async () => {
        await closeDisks();
        await change("throw the incoming delta away", signal, (state) =>
          state.incoming === undefined
            ? undefined
            : { state: withoutIncoming(state), operations: dropIncoming(state, layout) },
        );
      }),

    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      await turn(async () => {
        // A merge is ended only when it is a long one: whoever opens next goes on with it.
        await Promise.race([merging, delay(longMergeMs, undefined, { ref: false })]);
        life.abort(closed(replica));
        await merging;
        open = new Map();
        // Through their own monitors: a daemon that another opener has started meanwhile is not touched. They flush what they have.
        await Promise.all(
          [...daemons.values()].map(async (daemon) => {
            if (!daemon.qmp.closed)
              await daemon.qmp.execute("quit", undefined, { timeoutMs: 10_000 }).catch(ignoreLost);
            await daemon[Symbol.asyncDispose]();
          }),
        );
        daemons.clear();
      });
    },
  };
};

const replicaState = (state: StoredReplica): ReplicaState => {
  const newest = newestLayer(state);
  const cut = lastCut(state);
  const points = state.layers.filter((layer) => layer.point);
  const keptAt = points.findLast((layer) => layer.kept)?.takenAt;
  const appConsistentAt = points.findLast((layer) => layer.consistency === "app-consistent")?.takenAt;
  return {
    replica: state.replica,
    epoch: state.epoch,
    ...(cut !== undefined && { lastCut: cut }),
    ...(keptAt !== undefined && { lastKeptAt: keptAt }),
    ...(appConsistentAt !== undefined && { lastAppConsistentAt: appConsistentAt }),
    ...(state.incoming !== undefined && { incoming: incomingState(state.incoming) }),
    disks: entries<{ readonly sizeBytes: number }>(newest?.disks ?? state.incoming?.disks ?? {}).map(
      ([id, { sizeBytes }]) => ({ id, sizeBytes }),
    ),
  };
};

const closed = (replica: string): Fault =>
  new Fault("OPERATION_NOT_ALLOWED", `This opening of replica ${replica} has ended: open it again.`);

const ignoreLost = (error: unknown): void => {
  if (isFault(error) && error.code === "CONNECTION_LOST") return;
  throw error;
};
