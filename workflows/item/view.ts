import { healthLevel, inOrder } from "#domain/health.ts";
import type { ItemView } from "#domain/item-view.ts";
import { activeEnd, allowedOperations } from "#domain/lifecycle.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import { notReplicatedYet } from "#workflows/item/not-replicated.ts";
import { notFencedYet } from "#workflows/item/old-primary.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { runsNowhere } from "#workflows/item/unconfirmed.ts";

/** What is published of an item. The age of its newest point (RPO) and a running transfer's progress are the client's to add: a workflow has no clock of its own. */
export function viewOf(state: ItemState): ItemView {
  const { lifecycle, sides, activeJob } = state;
  const health = inOrder([...state.health, ...notFencedYet(state), ...notReplicatedYet(state), ...runsNowhere(state)]);
  return {
    item: state.item,
    machineName:
      sides[activeEnd(lifecycle)].machine?.name ?? sourceOf(state).machine?.name ?? state.configuration.machine,
    state: lifecycle.state,
    allowedOperations: allowedOperations(lifecycle),
    epoch: state.epoch,
    activeSite: sides[activeEnd(lifecycle)].site,
    primarySite: sides.primary.site,
    secondarySite: sides.secondary.site,
    pointsSite: targetOf(state).site,
    policy: state.policy.name,
    ...(activeJob === null
      ? {}
      : { activeJob: { id: activeJob.id, operation: activeJob.operation, since: activeJob.since } }),
    testFailover: lifecycle.testFailover,
    ...(state.lastSuccessfulTestFailover === null
      ? {}
      : { lastSuccessfulTestFailover: state.lastSuccessfulTestFailover }),
    replicationHealth: healthLevel(lifecycle.state, health),
    health,
    ...(state.lastSealed === null ? {} : { lastSealed: state.lastSealed }),
    ...(state.lastCycle === null ? {} : { lastCycle: state.lastCycle }),
  };
}
