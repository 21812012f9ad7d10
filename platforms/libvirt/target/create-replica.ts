import { Fault } from "#domain/fault.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import type { ReplicaStore } from "./host-store.ts";
import type { StoredReplica } from "./stored-replica.ts";

export const newReplica = (spec: ReplicaSpec): StoredReplica => ({
  format: 1,
  revision: 0,
  pinnedUpTo: -1,
  replica: spec.replica,
  item: spec.item,
  epoch: spec.epoch,
  sourceSite: spec.sourceSite,
  machine: { id: spec.machine.id, name: spec.machine.name },
  nextLayer: 0,
  layers: [],
  activations: [],
});

/** Makes an empty replica; one that is there already takes over the epoch and the source. `STALE_EPOCH` for an older epoch, `REPLICA_BUSY` when it is another item's, or its machine was failed over. */
export const createReplica = async (
  store: ReplicaStore,
  spec: ReplicaSpec,
  signal: AbortSignal,
): Promise<StoredReplica> => {
  const standing = await store.find(signal);
  if (standing === undefined)
    return await store.create({ state: newReplica(spec) }, { purpose: `create replica ${spec.replica}`, signal });
  return await store.change(
    (state) => {
      checkTakeOver(state, spec, store.host.name);
      refuseFailedOver(state, store.host.name);
      return state.epoch === spec.epoch && state.sourceSite === spec.sourceSite
        ? undefined
        : { state: { ...state, epoch: spec.epoch, sourceSite: spec.sourceSite } };
    },
    { purpose: `take replica ${spec.replica} over`, signal },
  );
};

/** A machine stands on its layers: what would be received on them is not what it has. */
const refuseFailedOver = (state: StoredReplica, host: string): void => {
  const active = state.activations.find(({ kind }) => kind !== "test");
  if (active === undefined) return;
  throw new Fault(
    "REPLICA_BUSY",
    `Replica ${state.replica} on host ${host} cannot receive: its machine ${active.machineName} was failed over to it (${active.failover}). Cancel that failover, or where it is committed and the machine not needed any more, disable its protection.`,
    { details: { host, replica: state.replica, failover: active.failover, machine: active.machine } },
  );
};

/** Rejects what must not become this replica. */
export const checkTakeOver = (state: StoredReplica, spec: ReplicaSpec, host: string): void => {
  if (state.item !== spec.item)
    throw new Fault(
      "REPLICA_BUSY",
      `Replica ${spec.replica} on host ${host} belongs to item ${state.item}; item ${spec.item} needs one of another name.`,
    );
  if (state.machine.id !== spec.machine.id)
    throw new Fault(
      "REPLICA_BUSY",
      `Replica ${spec.replica} on host ${host} is of machine ${state.machine.name} (${state.machine.id}); item ${spec.item} is now machine ${spec.machine.name} (${spec.machine.id}), which needs one of another name.`,
    );
  if (spec.epoch < state.epoch)
    throw new Fault(
      "STALE_EPOCH",
      `Replica ${spec.replica} on host ${host} has seen epoch ${state.epoch}; an order with the older epoch ${spec.epoch} is refused.`,
      {
        details: { replica: spec.replica, epoch: state.epoch, asked: spec.epoch },
      },
    );
  if (state.deleting === true)
    throw new Fault(
      "REPLICA_BUSY",
      `Replica ${spec.replica} on host ${host} is being deleted: try again when that is done.`,
    );
};
