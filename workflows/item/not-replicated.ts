import { isExposed } from "#domain/exposure.ts";
import { notReplicated } from "#domain/health.ts";
import type { HealthError } from "#domain/item-view.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import type { ItemState } from "#workflows/item/state.ts";

/** Stands in the health from a failover's commit until replication has been reversed: it follows from the state, and goes with it. */
export function notReplicatedYet(state: ItemState): readonly HealthError[] {
  const { lifecycle, item, lastSealed } = state;
  // While replication is being reversed there is no replica yet that could take the machine's place.
  const exposed = lifecycle.state === "reversing" ? lifecycle.before : lifecycle.state;
  if (exposed === undefined || !isExposed(exposed)) return [];
  const [activeSite, otherSite] = [targetOf(state).site, sourceOf(state).site];
  // A commit says which point it has made final: the one that the machine began with.
  return [notReplicated(exposed, { item, activeSite, otherSite, since: lastSealed?.takenAt })];
}
