import { WorkflowNotFoundError } from "@temporalio/client";
import type { ClientContext } from "#client/context.ts";
import { readItemState } from "#client/item-state.ts";
import { type LiveReplication, liveReplication, passText } from "#client/live-report.ts";
import type { ItemConfiguration } from "#domain/configuration.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import { isExposed } from "#domain/exposure.ts";
import { faultTable } from "#domain/fault-table.ts";
import { failureSeverity, healthError, healthLevel, inOrder, rpoHealth } from "#domain/health.ts";
import { instant, type Instant, type ItemName, type SiteName } from "#domain/ids.ts";
import type { HealthError, ItemView } from "#domain/item-view.ts";
import { allowedOperations, newLifecycle } from "#domain/lifecycle.ts";
import { isOlder } from "#domain/newer-point.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import { rpoSeconds } from "#domain/rpo.ts";
import type { ProtectionState } from "#domain/states.ts";
import { viewOf } from "#workflows/item/view.ts";
import { itemWorkflowId } from "#workflows/names.ts";
import type { ReplicationReport } from "#workflows/messages.ts";

/** States in which the age of the newest point says what a failover would lose. */
const aging: readonly ProtectionState[] = ["protected", "paused", "resynchronization-required", "resynchronizing"];

/** The machine runs where its replica was: what is still heard of its replication is of the site that was left. */
const isMoved = (state: ProtectionState): boolean => state === "commit-pending" || isExposed(state);

/** No replica could take the machine's place as it is now: none is made yet, or one is being made. */
const isUncovered = (state: ProtectionState): boolean => state === "reversing" || isExposed(state);

/** An item as it is at this moment: its workflow's state, and what the replication that runs says. `undefined` when nothing of it is protected. */
export async function liveItemView(context: ClientContext, name: ItemName): Promise<ItemView | undefined> {
  // In this order: what a stretch of replication has sealed is in the state when the stretch has ended meanwhile.
  const own = await replicationIn(context, itemWorkflowId(name));
  const state = await readItemState(context, name);
  if (state === undefined || state.lifecycle.state === "unprotected") return undefined;
  const says = own.report !== undefined || own.orphaned !== undefined || own.failing !== undefined;
  const live = says || state.activeJob === null ? own : await replicationIn(context, state.activeJob.id);
  return withLive(viewOf(state), {
    live,
    policy: state.policy,
    nowMs: context.now(),
    failing: state.failing !== null,
  });
}

async function replicationIn({ client }: ClientContext, workflowId: string): Promise<LiveReplication> {
  try {
    return liveReplication(await client.workflow.getHandle(workflowId).describe());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return {};
    throw error;
  }
}

/** The pure part of it. */
export function withLive(
  view: ItemView,
  now: {
    readonly live: LiveReplication;
    readonly policy: ReplicationPolicy;
    readonly nowMs: number;
    /** The item's replication has failed, and is tried again or waits for a person. */
    readonly failing: boolean;
  },
): ItemView {
  const lastSealed = newestSealed(view, now.live.report);
  const live = isMoved(view.state) ? {} : now.live;
  const { report } = live;
  const lastCycle = report?.lastCycle ?? view.lastCycle;
  const ages = lastSealed !== undefined && aging.includes(view.state);
  // After a failover it is another machine that runs.
  const said = ages ? view.health : view.health.filter(({ code }) => code !== "MACHINE_NOT_RUNNING");
  const standing = said.filter((error) => !isOver(error, report));
  const current = ages
    ? currentAt(lastSealed.takenAt, [...standing, ...(report?.warnings ?? [])])
    : isUncovered(view.state)
      ? lastSealed?.takenAt
      : undefined;
  const more = liveHealth(standing, {
    ...now,
    live,
    exposed: isUncovered(view.state),
    site: view.activeSite,
    ...(current === undefined ? {} : { takenAt: current }),
  });
  const health = inOrder([...standing, ...more]);
  return {
    ...view,
    health,
    replicationHealth: healthLevel(view.state, health),
    ...(lastSealed === undefined ? {} : { lastSealed }),
    ...(lastCycle === undefined ? {} : { lastCycle }),
    ...(current === undefined ? {} : { rpoSeconds: rpoSeconds(current, now.nowMs) }),
    ...(report === undefined ? {} : { progress: progressOf(report) }),
  };
}

const progressOf = (report: ReplicationReport): NonNullable<ItemView["progress"]> => {
  const pass = passText(report);
  return { phase: report.phase, ...(pass === undefined ? {} : { pass }), disks: report.disks };
};

const newestSealed = (view: ItemView, report: ReplicationReport | undefined): ItemView["lastSealed"] => {
  const sealed = report?.lastSealed;
  // Of a lost worker something may still be heard when only the committed point is left.
  if (isExposed(view.state)) return view.lastSealed;
  if (sealed === undefined || isOlder(sealed, view.lastSealed)) return view.lastSealed;
  return { cut: sealed.cut, takenAt: sealed.takenAt, sealedAt: sealed.sealedAt };
};

/** When the newest point was last the machine's present: one that is off has nothing newer for as long as it is seen off. */
const currentAt = (takenAt: Instant, said: readonly { readonly code: FaultCode; readonly at: Instant }[]): Instant =>
  said.reduce((latest, { code, at }) => (code === "MACHINE_NOT_RUNNING" && at > latest ? at : latest), takenAt);

/** The guest could be frozen after it could not, or runs after it did not; the item's workflow hears of it when the stretch of replication ends. */
const isOver = ({ code, at }: HealthError, report: ReplicationReport | undefined): boolean =>
  code === "GUEST_FREEZE_FAILED"
    ? at < (report?.lastAppConsistentAt ?? "")
    : code === "MACHINE_NOT_RUNNING" &&
      at < (report?.lastSealed?.takenAt ?? "") &&
      !report?.warnings.some((warning) => warning.code === code);

const failed = ({ code, message }: NonNullable<LiveReplication["failing"]>, at: Instant): HealthError => ({
  ...healthError(code, message, at),
  severity: failureSeverity(code),
});

/** What only the present moment shows: a point that is too old, what a point lacks (the guest could not be frozen), a worker that was lost, what it fails with again and again. */
function liveHealth(
  standing: readonly HealthError[],
  now: {
    readonly live: LiveReplication;
    readonly policy: ReplicationPolicy;
    readonly nowMs: number;
    readonly failing: boolean;
    /** Nothing is replicated: nothing that slows replication down is to be looked for. */
    readonly exposed: boolean;
    readonly site: SiteName;
    readonly takenAt?: Instant;
  },
): readonly HealthError[] {
  const { live, policy, nowMs, takenAt, exposed } = now;
  const failing = now.failing || live.orphaned !== undefined || live.failing !== undefined;
  const late = takenAt === undefined ? undefined : rpoHealth(policy, { newestTakenAt: takenAt, nowMs, failing });
  // Of each kind the newest.
  const warnings = new Map(live.report?.warnings.map((warning) => [warning.code, warning]));
  const lost = `No worker of site ${now.site} has taken replication up since the last one was lost (${live.orphaned}).`;
  const errors = [
    ...(late === undefined ? [] : [exposed ? { ...late, action: faultTable.NOT_REPLICATED.action } : late]),
    ...[...warnings.values()].map(({ code, message, at }) => ({
      ...healthError(code, message, at),
      severity: "Warning" as const,
    })),
    ...(live.orphaned === undefined ? [] : [healthError("WORKER_UNAVAILABLE", lost, instant(nowMs))]),
    ...(live.failing === undefined ? [] : [failed(live.failing, instant(nowMs))]),
  ];
  return errors.filter(({ code }) => !standing.some((known) => known.code === code));
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
