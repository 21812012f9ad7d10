import { Fault } from "#domain/fault.ts";
import type { ItemState, PendingFailover } from "#workflows/item/state.ts";

/** The failover that waits for its commit, or has just been committed. Rejects with `FAILOVER_NOT_FOUND`. */
export function pendingFailover(state: ItemState): PendingFailover {
  if (state.failover !== null) return state.failover;
  throw new Fault("FAILOVER_NOT_FOUND", `Item ${state.item} has no failover that could be gone on with.`);
}
