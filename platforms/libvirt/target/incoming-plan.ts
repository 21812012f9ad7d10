import type { CutDescription } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import type { IncomingMode, IncomingState } from "#transfer/replica.ts";
import { entries, lastCut, newestLayer } from "./chain.ts";
import type { Change, Operation } from "./host-store.ts";
import { layerName, type ReplicaLayout } from "./layout.ts";
import type { StoredIncoming, StoredIncomingDisk, StoredReplica } from "./stored-replica.ts";

export interface BeginRequest {
  readonly cut: CutDescription;
  readonly mode: IncomingMode;
  readonly base?: CutId;
}

/** What `begin` does to the store: takes the standing incoming delta up (undefined), or throws it away and makes the images of a new layer. */
export const planBegin = (state: StoredReplica, request: BeginRequest, layout: ReplicaLayout): Change | undefined => {
  const { cut, mode, base } = request;
  if (cut.item !== state.item)
    throw new Fault(
      "PEER_NOT_ALLOWED",
      `Replica ${state.replica} is item ${state.item}'s; the cut ${cut.id} that was to go into it is of item ${cut.item}.`,
    );
  if (mode === "delta" && (base === undefined || base !== lastCut(state))) {
    throw new Fault(
      "RESYNC_REQUIRED",
      `Replica ${state.replica} cannot take changes since cut ${base ?? "(none)"}: its newest content is ${describeContent(state)}. Resynchronize it.`,
      { details: { base, lastCut: lastCut(state) } },
    );
  }
  if (state.incoming !== undefined && continues(state.incoming, request)) return undefined;
  const layer = state.nextLayer;
  const newest = mode === "full" ? undefined : newestLayer(state);
  const disks: Record<DiskId, StoredIncomingDisk> = {};
  const operations: Operation[] = dropIncoming(state, layout);
  for (const { id, sizeBytes } of cut.disks) {
    const beneath = newest?.disks[id];
    if (beneath !== undefined && beneath.sizeBytes > sizeBytes) {
      throw new Fault(
        "REPLICA_INVALID",
        `Disk ${id} of ${state.machine.name} has become smaller: ${sizeBytes} bytes, and ${beneath.sizeBytes} in replica ${state.replica}. Disable protection and enable it again; a replica only grows.`,
      );
    }
    const backing = beneath === undefined || newest === undefined ? -1 : newest.layer;
    disks[id] = { sizeBytes, backing, resumeOffset: 0, digestBytes: 0, dataBytes: 0, coveredBytes: 0 };
    operations.push(
      { kind: "folder", path: layout.diskFolder(id) },
      {
        kind: "image",
        path: layout.image(id, layer),
        sizeBytes,
        backing: backing < 0 ? undefined : `${layerName(backing)}.qcow2`,
      },
    );
  }
  const incoming: StoredIncoming = { layer, cut: cut.id, mode, ...(base !== undefined && { base }), disks };
  return { state: { ...state, nextLayer: layer + 1, incoming }, operations };
};

/** Same kind of delta over the same content and disks: what was received stays good. */
const continues = (standing: StoredIncoming, { cut, mode, base }: BeginRequest): boolean =>
  standing.mode === mode &&
  standing.base === base &&
  Object.keys(standing.disks).length === cut.disks.length &&
  cut.disks.every(({ id, sizeBytes }) => standing.disks[id]?.sizeBytes === sizeBytes);

/** The incoming delta's files go first: what is thrown away on a full disk has to make the room its own record needs. */
export const dropIncoming = ({ incoming }: StoredReplica, layout: ReplicaLayout): Operation[] =>
  Object.keys(incoming?.disks ?? {}).flatMap((disk): Operation[] => [
    { kind: "drop", path: layout.image(disk as DiskId, incoming?.layer ?? 0) },
    { kind: "drop", path: layout.digests(disk as DiskId, incoming?.layer ?? 0) },
  ]);

export const withoutIncoming = ({ incoming: _gone, ...state }: StoredReplica): StoredReplica => state;

export const incomingState = (incoming: StoredIncoming): IncomingState => ({
  cut: incoming.cut,
  mode: incoming.mode,
  ...(incoming.base !== undefined && { base: incoming.base }),
  resumeOffsets: Object.fromEntries(
    entries(incoming.disks).flatMap(([disk, { resumeOffset }]) => (resumeOffset > 0 ? [[disk, resumeOffset]] : [])),
  ),
});

const describeContent = (state: StoredReplica): string => {
  if (newestLayer(state) === undefined) return "nothing yet";
  const cut = lastCut(state);
  return cut === undefined ? "of an unknown instant" : `cut ${cut}`;
};
