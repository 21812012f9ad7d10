import { nextEpoch } from "#domain/epoch.ts";
import { failoverId } from "#domain/ids.ts";
import type { Activation } from "#platforms/platform.ts";
import { sourceOf, targetOf, targetSide, withSide } from "#workflows/item/ends.ts";
import { discardFailover } from "#workflows/item/undo-failover.ts";
import type { ItemPatch, ItemState, PendingFailover, PendingFence } from "#workflows/item/state.ts";
import { failoverRequest } from "#workflows/job/failover-request.ts";
import type { Steps } from "#workflows/job/job.ts";
import { oldPrimaryFenced } from "#workflows/item/old-primary.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Records the failover and its new ownership epoch in the item, before the target is asked: from here on nobody with the old epoch may write.
 * When the job fails after this the target takes it back, under a newer epoch still.
 */
export async function announceFailover(job: Steps, failover: Omit<PendingFailover, "id">): Promise<void> {
  const epoch = nextEpoch(job.item.epoch);
  await job.record({
    epoch,
    failover: { ...failover, id: failoverId(`${job.item.item}-${epoch}`) },
    // The machine that runs there next is meant to: it must not be taken for the one that an earlier failover left there.
    ...(isOfTarget(job.item, job.item.fence) ? { fence: null } : {}),
    ...(isOfTarget(job.item, job.item.guarded) ? { guarded: null } : {}),
  });
  job.onFailure("take the failover back at the target", () => takeBack(job));
}

function isOfTarget(item: ItemState, fence: PendingFence | null): boolean {
  const { site, host } = targetOf(item);
  return fence?.site === site && fence.host === host && fence.machine === sourceOf(item).machine?.id;
}

async function takeBack(job: Steps): Promise<void> {
  const epoch = nextEpoch(job.item.epoch);
  await job.record({ epoch });
  try {
    await discardFailover(job.item, epoch);
  } catch (error) {
    // The machine may run at the target: the item says so, and nothing is turned on, or left on, at the source. Cancelling the failover leads back.
    job.state({ ownershipMoved: true, unconfirmed: true });
    await job.record(oldPrimaryFenced(job.item));
    throw error;
  }
  await job.record({ failover: null });
}

/** Boots the machine that was announced. The same failover is the same machine, however often it is asked for. */
export async function activate(job: Steps): Promise<Activation> {
  const { site, host } = targetOf(job.item);
  const { id, kind, point } = pendingFailover(job.item);
  const activation = await atSite(site).failOver({
    host,
    failover: failoverRequest(job.item, { failover: id, kind, point: point.id }),
  });
  for (const warning of activation.warnings ?? []) job.inform(warning);
  return activation;
}

/** The item, once the machine runs at the target. */
export const activated = (state: ItemState, { machine, machineName }: Activation): ItemPatch => ({
  sides: withSide(state, targetSide(state), { machine: { id: machine, name: machineName } }),
});
