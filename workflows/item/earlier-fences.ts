import { activeEnd } from "#domain/lifecycle.ts";
import type { HostName, MachineId, SiteName } from "#domain/ids.ts";
import { sourceOf, targetOf, targetSide } from "#workflows/item/ends.ts";
import type { ItemState, PendingFence, Side } from "#workflows/item/state.ts";

/** Every old primary that has yet to be fenced: the item's own, and those that its earlier protections have left. */
export const pendingFences = ({
  fence,
  earlierFences = [],
}: Pick<ItemState, "fence" | "earlierFences">): readonly PendingFence[] => [
  ...(fence === null ? [] : [fence]),
  ...earlierFences,
];

/**
 * The item with a fence that is of an earlier protection (it was protected anew between other places meanwhile) kept apart from its own: what its jobs do to the one
 * leaves the other alone. And without the fence of a machine that one of its own failovers has lawfully put in its place.
 */
export function withEarlierFences(state: ItemState): ItemState {
  const { fence, earlierFences = [] } = state;
  const isOwn = fence === null || isOldPrimary(sourceOf(state), fence);
  const lawful = activeEnd(state.lifecycle) === targetSide(state) ? placeOf(targetOf(state)) : undefined;
  const others = isOwn ? earlierFences : [...earlierFences.filter((each) => !isSamePlace(each, fence)), fence];
  const earlier = others.filter((each) => !isSamePlace(each, lawful));
  if (isOwn && earlier.length === earlierFences.length) return state;
  return { ...state, fence: isOwn ? fence : null, earlierFences: earlier };
}

/** Of the earlier ones those that may be worked off now: where a failover is about to put a machine, or may have, its own end is waited for. */
export const workableFences = (state: ItemState): readonly PendingFence[] => {
  const target = targetOf(state);
  const { earlierFences = [], failover } = state;
  return earlierFences.filter(({ site, host }) => failover === null || site !== target.site || host !== target.host);
};

interface Place {
  readonly site: SiteName;
  readonly host: HostName;
  readonly machine: MachineId;
}

export const isSamePlace = (one: Place, other: Place | null | undefined): boolean =>
  one.site === other?.site && one.host === other.host && one.machine === other.machine;

const placeOf = ({ site, host, machine }: Side): Place | undefined =>
  machine === null ? undefined : { site, host, machine: machine.id };

/** While protection is being enabled its machine is not known yet. */
const isOldPrimary = ({ site, host, machine }: Side, fence: PendingFence): boolean =>
  fence.site === site && fence.host === host && (machine === null || machine.id === fence.machine);
