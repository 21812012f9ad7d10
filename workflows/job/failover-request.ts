import type { CutId, FailoverId } from "#domain/ids.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { FailoverRequest } from "#platforms/platform.ts";

/** What the target is asked for; the epoch is the one the item has recorded. */
export function failoverRequest(
  state: ItemState,
  wish: {
    readonly failover: FailoverId;
    readonly kind: FailoverRequest["kind"];
    readonly point: CutId;
    /** Test failovers only: the target's network; absent: an isolated one. */
    readonly network?: string;
  },
): FailoverRequest {
  const test = wish.kind === "test";
  const name = sourceOf(state).machine?.name ?? state.configuration.machine;
  return {
    replica: targetReplica(state),
    failover: wish.failover,
    kind: wish.kind,
    point: wish.point,
    epoch: state.epoch,
    // No mapping holds for a test: an adapter whose network is not mapped would keep the production's.
    networks: test ? {} : networksOf(state),
    ...(test && wish.network !== undefined && { onlyNetwork: wish.network }),
    isolated: test && wish.network === undefined,
    machineName: test ? `${name}-Test` : name,
    item: state.item,
  };
}

/** The mapping in the direction of this failover; one that is written down for one direction holds for the way back, too. */
export function networksOf(state: ItemState): Readonly<Record<string, string>> {
  const [from, to] = [sourceOf(state).site, targetOf(state).site];
  const pairs = state.networkMappings.flatMap((mapping) => {
    if (mapping.from.site === from && mapping.to.site === to)
      return [[mapping.from.network, mapping.to.network] as const];
    if (mapping.from.site === to && mapping.to.site === from)
      return [[mapping.to.network, mapping.from.network] as const];
    return [];
  });
  return Object.fromEntries(pairs);
}
