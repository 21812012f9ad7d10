import type { ItemState, Side } from "#workflows/item/state.ts";

/** The places of a protection that begins, with the copies that an item which lives on knows there of earlier ones: what has not been deleted then goes with this one's. */
export function withLeftCopies(sides: ItemState["sides"], before: ItemState["sides"]): ItemState["sides"] {
  const known = [before.primary, before.secondary];
  const leftAt = (place: Side): Side["retired"] =>
    known
      .filter(({ site, host }) => site === place.site && host === place.host)
      .flatMap(({ retired, replica }) => (replica === null ? retired : [...retired, replica]));
  const withLeft = (side: Side): Side => ({ ...side, retired: leftAt(side) });
  return { primary: withLeft(sides.primary), secondary: withLeft(sides.secondary) };
}
