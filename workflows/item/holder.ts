import type { ItemState } from "#workflows/item/state.ts";

/** The one place an item's state is kept in while its workflow runs. Every change, and every `touch`, has the loop look again. */
export interface ItemHolder {
  readonly state: ItemState;
  /** Rises with every change. */
  readonly revision: number;
  update(change: (state: ItemState) => ItemState): void;
  /** Something outside the state has changed: an activity has ended. */
  touch(): void;
}

export function holdItem(initial: ItemState): ItemHolder {
  let state = initial;
  let revision = 0;
  return {
    get state() {
      return state;
    },
    get revision() {
      return revision;
    },
    update(change) {
      state = change(state);
      revision += 1;
    },
    touch() {
      revision += 1;
    },
  };
}
