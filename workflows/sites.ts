import { ActivityCancellationType, type ActivityOptions, proxyActivities } from "@temporalio/workflow";
import { faultCodes } from "#domain/fault-codes.ts";
import type { SiteName } from "#domain/ids.ts";
import type { InventoryActivities } from "#activities/inventory.ts";
import type { OrchestratorActivities } from "#activities/orchestrator.ts";
import type { ReplicationActivities } from "#activities/replication.ts";
import type { SourceActivities } from "#activities/source.ts";
import type { TargetActivities } from "#activities/target.ts";
import { orchestratorQueue } from "#workflows/names.ts";
import { stepsOf } from "#workflows/steps-of.ts";

export type SiteActivities = InventoryActivities & SourceActivities & TargetActivities;

/** A worker that says nothing for this long is taken for dead, and another one takes its work up. */
const heartbeatTimeout = "12 seconds";

/** Tries that double their distance, from a second up to so many. */
const slower = (maximumSeconds: number) =>
  ({ initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: `${maximumSeconds} seconds` }) as const;

/** Steps of a job at a site that must be there. Recoverable faults are tried again for about a minute; then a person decides. */
const step: ActivityOptions = {
  scheduleToStartTimeout: "15 seconds",
  // A guest may be given an hour to shut down.
  startToCloseTimeout: "90 minutes",
  heartbeatTimeout,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { ...slower(10), maximumAttempts: 8 },
};

export const atSite = (site: SiteName) => stepsOf<SiteActivities>(site, step);

/** A step that reads or copies whole disks: it takes as long as it takes, as long as its worker says that it goes on. Each command on a host has its own limit. */
export const atSiteForLong = (site: SiteName) =>
  stepsOf<SiteActivities>(site, { ...step, startToCloseTimeout: "30 days" });

/** Who asks tries again by a rule of its own: Faults are answered as they are; only a worker's death is made good. */
export const atSiteOnce = (site: SiteName) =>
  stepsOf<SiteActivities>(site, {
    ...step,
    retry: { ...step.retry, maximumAttempts: 3, nonRetryableErrorTypes: [...faultCodes] },
  });

/** A site that may be dead: asked once, and given up within `seconds` whatever happens. */
export const atSiteWithin = (site: SiteName, seconds: number) =>
  stepsOf<SiteActivities>(site, {
    scheduleToStartTimeout: `${Math.min(seconds, 5)} seconds`,
    scheduleToCloseTimeout: `${seconds} seconds`,
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { maximumAttempts: 1 },
  });

/** A site that may be gone for good: asked for `seconds`, also when its worker is away at first, and again as long as what it answers may pass. Only then is it given up. */
export const atSitePatiently = (site: SiteName, seconds: number) =>
  stepsOf<SiteActivities>(site, {
    scheduleToCloseTimeout: `${seconds} seconds`,
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: slower(5),
  });

/** A site that is dead now and will be back: the step waits in its queue, for months if need be, and is tried again until it is done. */
export const whenSiteIsBack = (site: SiteName) =>
  stepsOf<SiteActivities>(site, {
    startToCloseTimeout: "2 minutes",
    heartbeatTimeout,
    // A machine that its host starts by itself must not be reached before it is fenced: so often is looked whether the host is back.
    retry: { initialInterval: "1 second", backoffCoefficient: 1 },
  });

/** Stays at a site's host for as long as it is asked to; when the site dies it lies in the queue again until it is back. */
export const guardAt = (site: SiteName) =>
  stepsOf<SiteActivities>(site, {
    startToCloseTimeout: "2 hours",
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: slower(10),
  });

/** Stays at a site's host for so long at most, whatever happens there; answers a cancellation only when nothing of it goes on any more. */
export const keepingOnAt = (site: SiteName, seconds: number) =>
  stepsOf<SiteActivities>(site, {
    scheduleToCloseTimeout: `${seconds + 60} seconds`,
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: slower(10),
  });

/** As `guardAt`, but a cancellation is answered only when nothing of it goes on any more: within seconds, also when the site has died. */
export const holdingAt = (site: SiteName) =>
  stepsOf<SiteActivities>(site, {
    startToCloseTimeout: "2 hours",
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: slower(5),
  });

/** A start that is right at this moment only: given up soon, and never tried again without asking the item anew. */
export const startingAt = (site: SiteName) =>
  stepsOf<SiteActivities>(site, {
    scheduleToStartTimeout: "15 seconds",
    scheduleToCloseTimeout: "3 minutes",
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
  });

/**
 * Replication: hours long. A worker's death is Temporal's to mend (another attempt, resumed); a Fault is not tried again here, because the item says
 * so in its health and waits by its own rule.
 */
export const replicationAt = (site: SiteName) =>
  stepsOf<ReplicationActivities>(site, {
    scheduleToStartTimeout: "1 minute",
    startToCloseTimeout: "30 days",
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      initialInterval: "1 second",
      maximumInterval: "10 seconds",
      maximumAttempts: 5,
      nonRetryableErrorTypes: [...faultCodes],
    },
  });

/**
 * Replication that has failed so often that nobody needs to hear of each try: Temporal itself tries it again, without a trace in the workflow's history, which must not
 * grow with an outage; its UI shows the last failure. A site whose worker is away takes it up when it is back. What is not recoverable ends it at once.
 */
export const replicationHoweverLong = (site: SiteName) =>
  stepsOf<ReplicationActivities>(site, {
    startToCloseTimeout: "30 days",
    heartbeatTimeout,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: "30 seconds", backoffCoefficient: 1 },
  });

export const orchestrator = proxyActivities<OrchestratorActivities>({
  taskQueue: orchestratorQueue,
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "500 milliseconds", maximumInterval: "10 seconds" },
});

/** Waits for as long as a job takes. */
export const watcher = proxyActivities<OrchestratorActivities>({
  taskQueue: orchestratorQueue,
  startToCloseTimeout: "365 days",
  heartbeatTimeout,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: "1 second", maximumInterval: "10 seconds" },
});
