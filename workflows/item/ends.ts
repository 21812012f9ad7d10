import type { ItemState, Side, SideName } from "#workflows/item/state.ts";

export const otherSide = (side: SideName): SideName => (side === "primary" ? "secondary" : "primary");

/** Where replication comes from; after a failover this is the side that was left, until replication is reversed. */
export const sourceSide = (state: ItemState): SideName =>
  state.lifecycle.direction === "forward" ? "primary" : "secondary";

/** Where the replica is. */
export const targetSide = (state: ItemState): SideName => otherSide(sourceSide(state));

export const sourceOf = (state: ItemState): Side => state.sides[sourceSide(state)];
export const targetOf = (state: ItemState): Side => state.sides[targetSide(state)];

/** `sides` with one of them changed. */
export const withSide = (state: ItemState, name: SideName, change: Partial<Side>): ItemState["sides"] => ({
  ...state.sides,
  [name]: { ...state.sides[name], ...change },
});
