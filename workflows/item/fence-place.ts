import type { ItemState, PendingFence, SideName } from "#workflows/item/state.ts";

/** As it was written down before it named its place: by the side of the item, which may become another. */
type WithoutPlace = Pick<PendingFence, "machine" | "epoch"> & { readonly side: SideName };

/** The item, with the places of its fences as they were when it first heard of them: to be asked before its sides change. */
export const withFencePlaces = (state: ItemState): ItemState =>
  [state.fence, state.guarded].some(lacksPlace)
    ? { ...state, fence: placed(state, state.fence), guarded: placed(state, state.guarded) }
    : state;

const lacksPlace = (fence: PendingFence | WithoutPlace | null): fence is WithoutPlace =>
  fence !== null && "side" in fence;

function placed({ sides }: ItemState, fence: PendingFence | WithoutPlace | null): PendingFence | null {
  if (!lacksPlace(fence)) return fence;
  const { side, machine, epoch } = fence;
  const { site, host } = sides[side];
  return { site, host, machine, epoch };
}
