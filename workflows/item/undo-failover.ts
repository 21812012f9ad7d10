import { targetOf } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { ActiveJob, ItemState } from "#workflows/item/state.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Takes an unfinished failover back at the target: its machine and its layer are gone, and the replica receives again under `epoch`, which the item must
 * already have recorded. Nothing to do when none was asked for.
 */
export async function discardFailover(state: ItemState, epoch: number): Promise<void> {
  if (state.failover === null) return;
  const { site, host } = targetOf(state);
  await atSite(site).discardFailover({ host, replica: targetReplica(state), failover: state.failover.id, epoch });
}

/** Turns the machine on again that a job turned off. */
export async function turnOnAgain(state: ItemState, turnedOff: NonNullable<ActiveJob["turnedOff"]>): Promise<void> {
  const { site, host } = state.sides[turnedOff.side];
  await atSite(site).powerOnMachine({ host, machine: turnedOff.machine });
}
