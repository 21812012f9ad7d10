import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId, ReplicaId } from "#domain/ids.ts";
import type { SimulatedHost } from "./host.ts";
import { upHost } from "./host.ts";
import type { LayerFiles } from "./layer.ts";
import type { ReplicaDisk, ReplicaRecord } from "./records.ts";
import { replicaKey } from "./records.ts";
import type { State } from "./store.ts";

/** Throws `REPLICA_NOT_FOUND`. */
export function replicaOf(host: SimulatedHost, state: State, id: ReplicaId): ReplicaRecord {
  upHost(state, host.site);
  const record = state.get(replicaKey(id));
  if (record === undefined) throw new Fault("REPLICA_NOT_FOUND", `There is no replica ${id} at site ${host.site}.`);
  return record;
}

/** Reads it, changes it, stores it, as one. */
export function changeReplica(
  host: SimulatedHost,
  id: ReplicaId,
  change: (record: ReplicaRecord, state: State) => ReplicaRecord,
): ReplicaRecord {
  return host.store.transact((state) => {
    const record = change(replicaOf(host, state, id), state);
    state.put(replicaKey(id), record);
    return record;
  });
}

/** Throws `STALE_EPOCH` for a caller with an older epoch than the replica has seen. */
export function refuseStaleEpoch(record: ReplicaRecord, epoch: number): void {
  if (epoch < record.epoch)
    throw new Fault(
      "STALE_EPOCH",
      `Replica ${record.id} has seen epoch ${record.epoch}; this call comes with the older epoch ${epoch}. Whoever sent it does not own the item any more.`,
    );
}

export const pointsOf = (record: ReplicaRecord): readonly RecoveryPoint[] =>
  record.layers.flatMap(({ point }) => (point === undefined ? [] : [point]));

export const filesOf = (host: SimulatedHost, record: ReplicaRecord): LayerFiles => ({
  dir: host.store.dir,
  replica: record.id,
});

/** The layers a point is read through, newest first, and the point. Throws `POINT_NOT_FOUND`. */
export function layersUnder(
  record: ReplicaRecord,
  cut: CutId,
): { readonly point: RecoveryPoint; readonly newestFirst: readonly string[] } {
  const index = record.layers.findIndex(({ point }) => point?.id === cut);
  const point = record.layers[index]?.point;
  if (point === undefined)
    throw new Fault(
      "POINT_NOT_FOUND",
      `Replica ${record.id} has no recovery point ${cut}. It has ${
        pointsOf(record)
          .map(({ id }) => id)
          .join(", ") || "none"
      }.`,
    );
  return {
    point,
    newestFirst: record.layers
      .slice(0, index + 1)
      .map(({ id }) => id)
      .reverse(),
  };
}

/** The replica's disks, and those that only older points have, each as large as it ever was. */
export function allDisks(record: ReplicaRecord): readonly ReplicaDisk[] {
  const largest = new Map<DiskId, number>();
  for (const { id, sizeBytes } of [...pointsOf(record).flatMap(({ disks }) => disks), ...record.disks])
    largest.set(id, Math.max(sizeBytes, largest.get(id) ?? 0));
  return [...largest].map(([id, sizeBytes]) => ({ id, sizeBytes }));
}
