import { isOlder } from "#domain/newer-point.ts";
import type { ItemPatch, ItemState } from "#workflows/item/state.ts";

/** A point as it is told of: with more or less beside it. */
export type Sealed = NonNullable<ItemState["lastSealed"]>;

/** What a report changes in the item when its point is the newest there is, whatever the item knew. */
export const sealedBy = ({ lastSealed }: { readonly lastSealed?: Sealed }): Pick<ItemPatch, "lastSealed"> =>
  lastSealed === undefined ? {} : { lastSealed: told(lastSealed) };

/** What of it is kept. */
export const told = ({ cut, takenAt, sealedAt }: Sealed): Sealed => ({
  cut,
  takenAt,
  ...(sealedAt !== undefined && { sealedAt }),
});

/** The item, knowing of a sealed point, unless it knows of a newer one. */
export function withSealed(state: ItemState, sealed: Sealed | undefined): ItemState {
  if (sealed === undefined || isOlder(sealed, state.lastSealed ?? undefined)) return state;
  return { ...state, ...sealedBy({ lastSealed: sealed }) };
}
