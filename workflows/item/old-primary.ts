import { sourceOf } from "#workflows/item/ends.ts";
import type { ItemPatch, ItemState, PendingFence } from "#workflows/item/state.ts";

/** The machine that was failed over from, as one that must not serve again. */
export function oldPrimaryFence(state: ItemState): PendingFence | null {
  const { site, host, machine } = sourceOf(state);
  return machine === null ? null : { site, host, machine: machine.id, epoch: state.epoch };
}

/**
 * What the item must know as soon as a failover may have started its machine: the old primary does not serve beside it. To be asked where a failover could not be
 * taken back, and again when it is gone on with. A target that cannot be asked counts as one where the machine runs: of two that serve, one's writes are lost.
 */
export function oldPrimaryFenced(state: ItemState): Pick<ItemPatch, "fence"> {
  const wanted = oldPrimaryFence(state);
  const isKnown = [state.fence, state.guarded].some(
    (known) => known?.site === wanted?.site && known?.host === wanted?.host && known?.machine === wanted?.machine,
  );
  return isKnown ? {} : { fence: wanted };
}
