import { Fault } from "#domain/fault.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** `STALE_EPOCH` for an order from somebody who does not own the item any more: nothing may be changed or taken away by it. */
export const refuseStaleEpoch = (state: StoredReplica, epoch: number): void => {
  if (epoch >= state.epoch) return;
  throw new Fault(
    "STALE_EPOCH",
    `Replica ${state.replica} has seen epoch ${state.epoch}: an order with the older epoch ${epoch} is refused, as a newer failover has taken place.`,
    { details: { replica: state.replica, epoch: state.epoch, asked: epoch } },
  );
};
