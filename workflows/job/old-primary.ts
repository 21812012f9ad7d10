import { sourceOf } from "#workflows/item/ends.ts";
import type { ItemState, PendingFence } from "#workflows/item/state.ts";

/** The machine that was failed over from, as one that must not serve again. */
export function oldPrimaryFence(state: ItemState): PendingFence | null {
  const { site, host, machine } = sourceOf(state);
  return machine === null ? null : { site, host, machine: machine.id, epoch: state.epoch };
}
