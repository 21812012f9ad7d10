import { randomUUID } from "node:crypto";
import { Fault } from "#domain/fault.ts";
import type { DiskId } from "#domain/ids.ts";
import type { Replica } from "#transfer/replica.ts";
import { heldFiles } from "./carried-files.ts";
import { endDaemonsScript } from "./daemon-scripts.ts";
import type { Operation, ReplicaStore } from "./host-store.ts";
import { withoutIncoming } from "./incoming-plan.ts";
import { receive } from "./receive.ts";
import type { StoredReplica } from "./stored-replica.ts";

export interface OpenRequest {
  readonly store: ReplicaStore;
  readonly epoch: number;
  readonly peerSite: string;
  readonly now: () => number;
  readonly onWarning: (fault: unknown) => void;
}

/**
 * Opens a replica for receiving: takes it from whoever had it, ends that one's storage daemons, and removes what an interrupted step left.
 * `REPLICA_NOT_FOUND`, `STALE_EPOCH`, `PEER_NOT_ALLOWED`, `OPERATION_NOT_ALLOWED` (its machine runs here).
 */
export const openReplica = async (request: OpenRequest, signal: AbortSignal): Promise<Replica> => {
  const { store, epoch, peerSite } = request;
  const token = randomUUID();
  const opened = await store.change(
    (state) => {
      checkSender(state, { epoch, peerSite, host: store.host.name });
      return { state: { ...state, epoch, opener: token } };
    },
    { purpose: "open the replica for receiving", signal },
  );
  await removeRubbish(store, { opened, token }, signal);
  return receive({
    store,
    opening: { host: store.host.name, epoch, token },
    now: request.now,
    onWarning: request.onWarning,
  });
};

const checkSender = (
  state: StoredReplica,
  sender: { readonly epoch: number; readonly peerSite: string; readonly host: string },
): void => {
  const details = { replica: state.replica, epoch: state.epoch, asked: sender.epoch };
  if (state.deleting === true)
    throw new Fault("REPLICA_NOT_FOUND", `Replica ${state.replica} on host ${sender.host} is being deleted.`, {
      details,
    });
  if (sender.epoch < state.epoch)
    throw new Fault(
      "STALE_EPOCH",
      `Replica ${state.replica} on host ${sender.host} has seen epoch ${state.epoch} and refuses a sender with the older epoch ${sender.epoch}: the machine was failed over since.`,
      { details },
    );
  if (sender.peerSite !== state.sourceSite)
    throw new Fault(
      "PEER_NOT_ALLOWED",
      `Replica ${state.replica} on host ${sender.host} is written by site ${state.sourceSite}; site ${sender.peerSite} may not.`,
      { details },
    );
  if (state.adopting !== undefined)
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Replica ${state.replica} on host ${sender.host} is being made out of machine ${state.adopting.name}: finish that first.`,
      { details },
    );
  const active = state.activations.find(({ kind }) => kind !== "test");
  if (active !== undefined)
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Replica ${state.replica} receives nothing: its machine ${active.machineName} was failed over to host ${sender.host} (${active.failover}). Cancel that failover, or reverse the replication.`,
      { details },
    );
};

/** $1 root, $2 folder of the sockets: ends the daemons and lists what there is. */
const listScript = `${endDaemonsScript.replace('[ -d "$1" ] || exit 0', 'if [ ! -d "$1" ]; then ls -d "$2"/disks/*/* "$2"/files/* 2>/dev/null || :; exit 0; fi')}
ls -d "$2"/disks/*/* "$2"/files/* 2>/dev/null || :`;

const removeRubbish = async (
  store: ReplicaStore,
  { opened, token }: { readonly opened: StoredReplica; readonly token: string },
  signal: AbortSignal,
): Promise<void> => {
  const { host, layout } = store;
  const { stdout } = await host.run(listScript, [layout.runtime, layout.root], {
    purpose: `end the storage daemons of replica ${opened.replica} and list its files`,
    timeoutMs: 60_000,
    signal,
  });
  const there = new Set(stdout.split("\n").filter((line) => line !== ""));
  const incoming = opened.incoming;
  const lost =
    incoming !== undefined &&
    Object.keys(incoming.disks).some((disk) => !there.has(layout.image(disk as DiskId, incoming.layer)));
  const rubbish = [...there].filter((path) => !expectedFiles(store, opened, !lost).has(path));
  if (!lost && rubbish.length === 0) return;
  await store.change(
    (state) => {
      // Somebody else has it now, and what was rubbish may be his.
      if (state.opener !== token) return undefined;
      return {
        state: lost ? withoutIncoming(state) : state,
        operations: rubbish.map((path): Operation => ({ kind: "remove", path })),
      };
    },
    { purpose: `remove what an interrupted step of replica ${opened.replica} left`, signal },
  );
};

/** Every file the state speaks of; a merge that was interrupted may have taken the lower ones away already. */
const expectedFiles = ({ layout }: ReplicaStore, state: StoredReplica, withIncoming: boolean): ReadonlySet<string> => {
  const layers = [...state.layers, ...(withIncoming && state.incoming !== undefined ? [state.incoming] : [])];
  return new Set([
    ...layers.flatMap(({ layer, disks }) =>
      (Object.keys(disks) as DiskId[]).flatMap((disk) => [layout.image(disk, layer), layout.digests(disk, layer)]),
    ),
    ...heldFiles(state).map(layout.file),
  ]);
};
