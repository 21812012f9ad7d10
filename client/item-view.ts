import type { Client } from "@temporalio/client";
import type { ReplicateReport } from "#activities/replication/request.ts";
import { liveReport } from "#client/live-report.ts";
import type { ItemConfiguration } from "#domain/configuration.ts";
import { healthLevel, rpoHealth } from "#domain/health.ts";
import type { ItemView } from "#domain/item-view.ts";
import { allowedOperations, newLifecycle } from "#domain/lifecycle.ts";
import { rpoSeconds } from "#domain/rpo.ts";
import type { ProtectionState } from "#domain/states.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { viewOf } from "#workflows/item/view.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/** States in which the age of the newest point says what a failover would lose. */
const aging: readonly ProtectionState[] = ["protected", "paused", "resynchronization-required", "resynchronizing"];

/** An item as it is at this moment: its workflow's state, and what the replication that runs has said last. */
export async function liveItemView(client: Client, state: ItemState): Promise<ItemView> {
  const view = viewOf(state);
  const runs = [itemWorkflowId(state.item), ...(state.activeJob === null ? [] : [state.activeJob.id])];
  const reports = await Promise.all(runs.map(async (id) => liveReport(await client.workflow.getHandle(id).describe())));
  return withReport(view, { report: reports.find((report) => report !== undefined), state, nowMs: Date.now() });
}

/** Pure part of it. */
export function withReport(
  view: ItemView,
  live: {
    readonly report: ReplicateReport | undefined;
    readonly state: Pick<ItemState, "policy">;
    readonly nowMs: number;
  },
): ItemView {
  const { report, state, nowMs } = live;
  const sealed = report?.lastSealed;
  const lastSealed =
    sealed !== undefined && sealed.takenAt >= (view.lastSealed?.takenAt ?? "")
      ? { cut: sealed.cut, takenAt: sealed.takenAt }
      : view.lastSealed;
  const lastCycle = report?.lastCycle ?? view.lastCycle;
  const age = lastSealed !== undefined && aging.includes(view.state) ? lastSealed.takenAt : undefined;
  const late = age === undefined ? undefined : rpoHealth(state.policy, age, nowMs);
  const health = late === undefined ? view.health : [...view.health, late];
  return {
    ...view,
    health,
    replicationHealth: healthLevel(view.state, health),
    ...(lastSealed === undefined ? {} : { lastSealed }),
    ...(lastCycle === undefined ? {} : { lastCycle }),
    ...(age === undefined ? {} : { rpoSeconds: rpoSeconds(age, nowMs) }),
    ...(report === undefined ? {} : { progress: { phase: report.phase, disks: report.disks } }),
  };
}

/** An item that is configured and nothing more. */
export const unprotectedView = (item: ItemConfiguration): ItemView => ({
  item: item.name,
  machineName: item.machine,
  state: "unprotected",
  allowedOperations: allowedOperations(newLifecycle),
  epoch: 0,
  activeSite: item.primary.site,
  primarySite: item.primary.site,
  secondarySite: item.secondary.site,
  policy: item.policy,
  testFailover: "none",
  replicationHealth: "None",
  health: [],
});
