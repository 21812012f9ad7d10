import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { ReplicaId } from "#domain/ids.ts";
import { thin } from "#domain/retention.ts";
import { blockBytes } from "#transfer/block.ts";
import type { SealRequest } from "#transfer/replica.ts";
import type { SimulatedHost } from "./host.ts";
import { hostTime } from "./host.ts";
import { data, layerMap } from "./layer.ts";
import { mergeLayers } from "./merge-layers.ts";
import type { ReplicaRecord } from "./records.ts";
import { changeReplica, filesOf, pointsOf } from "./replica-record.ts";

/** `Replica.seal`: the point appears in one transaction; layers that are in no point any more are merged after it. */
export function sealIncoming(host: SimulatedHost, id: ReplicaId, request: SealRequest): RecoveryPoint {
  const record = changeReplica(host, id, (before) =>
    before.lastCut === request.cut.id && before.incoming === undefined ? before : sealed(host, before, request),
  );
  mergeLayers(host, id);
  const point = pointsOf(record).at(-1);
  if (point?.id !== request.cut.id)
    throw new Fault("REPLICA_INVALID", `Cut ${request.cut.id} is the content of replica ${id}, but no point of it.`);
  return point;
}

function sealed(host: SimulatedHost, record: ReplicaRecord, request: SealRequest): ReplicaRecord {
  const { incoming, ...rest } = record;
  if (incoming?.cut.id !== request.cut.id)
    throw new Fault(
      "REPLICA_INVALID",
      `Replica ${record.id} receives ${incoming === undefined ? "nothing" : `cut ${incoming.cut.id}`}; cut ${request.cut.id} cannot be sealed.`,
    );
  const files = filesOf(host, record);
  const blocks = record.disks
    .flatMap((disk) => [...layerMap(files, incoming.layer, disk)])
    .filter((state) => state === data);
  const point: RecoveryPoint = {
    ...request.cut,
    sealedAt: hostTime(host),
    kept: request.keep,
    deltaBytes: blocks.length * blockBytes,
  };
  const { takenAt } = request.cut;
  return {
    ...rest,
    layers: [...withoutGone(host, rest, { point, request }), { id: incoming.layer, point }],
    lastCut: request.cut.id,
    ...(request.keep && { lastKeptAt: takenAt }),
    ...(request.cut.consistency === "app-consistent" && { lastAppConsistentAt: takenAt }),
  };
}

/** The layers with the points taken off that this seal ends: the newest one that was not kept, and those that the retention lets go. None that a machine runs on. */
function withoutGone(
  host: SimulatedHost,
  record: Omit<ReplicaRecord, "incoming">,
  seal: { readonly point: RecoveryPoint; readonly request: SealRequest },
): ReplicaRecord["layers"] {
  const kept = [...pointsOf(record), seal.point].filter((point) => point.kept);
  const thinned = seal.request.keep ? thin(kept, host.clock.now(), seal.request.retentionSeconds) : [];
  const gone = new Set([...pointsOf(record).filter((point) => !point.kept), ...thinned].map(({ id }) => id));
  const pinned = new Set(record.activations.map(({ point }) => point));
  return record.layers.map((layer) =>
    layer.point !== undefined && gone.has(layer.point.id) && !pinned.has(layer.point.id) ? { id: layer.id } : layer,
  );
}
