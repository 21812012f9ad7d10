import { healthError } from "#domain/health.ts";
import { instant } from "#domain/ids.ts";
import type { HealthError } from "#domain/item-view.ts";
import { now } from "#workflows/clock.ts";
import { isSamePlace, pendingFences } from "#workflows/item/earlier-fences.ts";
import { sourceOf } from "#workflows/item/ends.ts";
import type { ItemPatch, ItemState, PendingFence } from "#workflows/item/state.ts";

/** The machine that was failed over from, as one that must not serve again. */
export function oldPrimaryFence(state: ItemState): PendingFence | null {
  const { site, host, machine } = sourceOf(state);
  return machine === null ? null : { site, host, machine: machine.id, epoch: state.epoch, since: now() };
}

/**
 * What the item must know as soon as a failover may have started its machine: the old primary does not serve beside it. To be asked where a failover could not be
 * taken back, and again when it is gone on with. A target that cannot be asked counts as one where the machine runs: of two that serve, one's writes are lost.
 */
export function oldPrimaryFenced(state: ItemState): Pick<ItemPatch, "fence"> {
  const wanted = oldPrimaryFence(state);
  const isKnown = wanted === null || [state.fence, state.guarded].some((known) => isSamePlace(wanted, known));
  return isKnown ? {} : { fence: wanted };
}

/** A machine that has run has other disks than those it was shut down with: they are compared when replication is reversed. */
export const withoutSourceContent = (state: ItemState): ItemState => ({
  ...state,
  failover: state.failover === null ? null : { ...state.failover, sourceContent: null },
});

/** What stands in the item's health from an unplanned failover until the old primary is fenced: until then nothing but its host decides whether it serves. */
export const notFencedYet = (state: Pick<ItemState, "fence" | "earlierFences">): readonly HealthError[] =>
  pendingFences(state).map(notFenced);

function notFenced({ site, host, since }: PendingFence): HealthError {
  const message = `The previous primary at site ${site} has not been fenced yet${since === undefined ? "" : `: nobody has been able to since the failover at ${since}`}. When host ${host} is back before the site's worker, it may serve there beside the machine that has taken its place.`;
  const action = `Keep host ${host} from starting the machine, or start the worker of site ${site} first: it fences it at once. When that site is gone for good, disabling protection with force ends the wait.`;
  return { ...healthError("PRIMARY_NOT_FENCED", message, since ?? instant(0)), action };
}
