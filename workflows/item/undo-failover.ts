import { targetOf } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { ItemState, TurnedOff } from "#workflows/item/state.ts";
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

/** Turns the machine on again that a job turned off; one that was off before is only freed of the fence. Not before the failover has been taken back. */
export async function turnOnAgain(state: ItemState, { side, machine, wasOff }: TurnedOff): Promise<void> {
  const { site, host } = state.sides[side];
  if (wasOff === true) await atSite(site).unfenceMachine({ host, machine });
  else await atSite(site).powerOnMachine({ host, machine });
}
