import { healthError } from "#domain/health.ts";
import { instant } from "#domain/ids.ts";
import type { HealthError } from "#domain/item-view.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import type { ItemState } from "#workflows/item/state.ts";

/** Stands in the health while a failover that failed could not be taken back: its machine may run at the target, and until that is known the old one must not. */
export function runsNowhere(state: ItemState): readonly HealthError[] {
  const { item, lifecycle, fence, guarded } = state;
  if (lifecycle.unconfirmed !== true) return [];
  const [from, to] = [sourceOf(state).site, targetOf(state).site];
  const message = `${item} runs nowhere, as far as is known: its failover to site ${to} failed and could not be taken back there, and at site ${from} it is kept off, because it may run at site ${to}.`;
  const back = `Look at site ${to}. To go back to site ${from}: understudy cancel ${item}.`;
  const action =
    lifecycle.failoverKind === "unplanned"
      ? `${back} To start it at site ${to} from the same recovery point or another: understudy change-point ${item} --point POINT.`
      : back;
  const { since = instant(0) } = fence ?? guarded ?? {};
  return [{ ...healthError("FAILOVER_UNCONFIRMED", message, since), action }];
}
