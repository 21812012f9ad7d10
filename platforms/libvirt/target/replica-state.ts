import type { ReplicaState } from "#transfer/replica.ts";
import { heldFiles } from "./carried-files.ts";
import { entries, lastCut, newestLayer } from "./chain.ts";
import { incomingState } from "./incoming-plan.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** What a sender is told of the replica. */
export const replicaState = (state: StoredReplica): ReplicaState => {
  const cut = lastCut(state);
  const points = state.layers.filter((layer) => layer.point);
  const keptAt = points.findLast((layer) => layer.kept)?.takenAt;
  const appConsistentAt = points.findLast((layer) => layer.consistency === "app-consistent")?.takenAt;
  const disks: Readonly<Record<string, { readonly sizeBytes: number }>> =
    newestLayer(state)?.disks ?? state.incoming?.disks ?? {};
  const files = heldFiles(state);
  return {
    replica: state.replica,
    epoch: state.epoch,
    ...(cut !== undefined && { lastCut: cut }),
    ...(cut === undefined && newestLayer(state) !== undefined && { unproven: true }),
    ...(keptAt !== undefined && { lastKeptAt: keptAt }),
    ...(appConsistentAt !== undefined && { lastAppConsistentAt: appConsistentAt }),
    ...(state.incoming !== undefined && { incoming: incomingState(state.incoming) }),
    disks: entries<{ readonly sizeBytes: number }>(disks).map(([id, { sizeBytes }]) => ({ id, sizeBytes })),
    ...(files.length > 0 && { files }),
  };
};
