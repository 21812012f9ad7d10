import type { ItemPatch, ItemState } from "#workflows/item/state.ts";

/** A point as it is told of: with more or less beside it. */
export type Sealed = NonNullable<ItemState["lastSealed"]>;

/** What a report changes in the item when its point is the newest there is, whatever the item knew. */
export const sealedBy = ({ lastSealed }: { readonly lastSealed?: Sealed }): Pick<ItemPatch, "lastSealed"> =>
  lastSealed === undefined ? {} : { lastSealed: { cut: lastSealed.cut, takenAt: lastSealed.takenAt } };

/** The item, knowing of a sealed point, unless it knows of a newer one. Times are by the source's clock, one clock as long as the replica is the same. */
export function withSealed(state: ItemState, sealed: Sealed | undefined): ItemState {
  if (sealed === undefined || sealed.takenAt < (state.lastSealed?.takenAt ?? "")) return state;
  return { ...state, ...sealedBy({ lastSealed: sealed }) };
}
