import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";
import type { ReplicateReport } from "#activities/replication/request.ts";
import type { Configuration, ItemConfiguration, NetworkMapping } from "#domain/configuration.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { ItemName } from "#domain/ids.ts";
import type { HealthError, ItemView } from "#domain/item-view.ts";
import type { JobFault, JobView } from "#domain/job.ts";
import type { JobFacts, JobOutcome } from "#domain/lifecycle.ts";
import type { OperationName } from "#domain/operations.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import type { ProtectionState } from "#domain/states.ts";
import type { Sealed } from "#workflows/item/sealed.ts";
import type { ActiveJob, ItemPatch, ItemState, Side, SideName } from "#workflows/item/state.ts";

/** What the replication that runs says of itself: the details of its activity's heartbeat. */
export type ReplicationReport = ReplicateReport;

// To a protected item.

/** A job asks for the item and is answered with `granted` or `refused`. Asking again with the same id is answered again. */
export interface JobRequest {
  readonly jobId: string;
  readonly runId: string;
  readonly operation: OperationName;
  /** Also where a site is gone for good. */
  readonly force?: boolean;
}
/** What must be in the item before the job goes on (the epoch before a target is asked), and how far the job is. */
export interface JobRecord {
  readonly jobId: string;
  readonly patch?: ItemPatch;
  readonly task?: string;
  readonly turnedOff?: ActiveJob["turnedOff"];
  /** The newest point that the job has seen at the replica; the item may know of a newer one. */
  readonly sealed?: Sealed;
}
export interface JobFinished {
  readonly jobId: string;
  readonly outcome: JobOutcome;
  readonly patch: ItemPatch;
  readonly facts: JobFacts;
  readonly fault?: JobFault;
  readonly sealed?: Sealed;
  /** The job goes on waiting for replication to reach `protected` and wants to be told. */
  readonly waits: boolean;
}
export const requestJob = defineSignal<[JobRequest]>("requestJob");
export const recordJob = defineSignal<[JobRecord]>("recordJob");
export const jobFinished = defineSignal<[JobFinished]>("jobFinished");
/** The configuration has been applied anew; the item says so to the job that holds it, too. A protected item stays the machine, and at the places, that it was protected with. */
export interface ItemConfigured {
  readonly configuration: ItemConfiguration;
  readonly policy: ReplicationPolicy;
  readonly networkMappings: readonly NetworkMapping[];
  readonly streams: Readonly<Record<SideName, Side["stream"]>>;
}
export const itemConfigured = defineSignal<[ItemConfigured]>("configured");
export const itemView = defineQuery<ItemView>("view");
export const itemState = defineQuery<ItemState>("state");

// To a job.

export interface JobRefusal {
  readonly code: FaultCode;
  readonly message: string;
}
/** How a wait for replication ended. */
export interface ReplicationReached {
  readonly state: ProtectionState;
  readonly bytesSent: number;
  /** Why it did not come to `protected`. */
  readonly trouble: readonly HealthError[];
}
export const granted = defineSignal<[ItemState]>("granted");
export const refused = defineSignal<[JobRefusal]>("refused");
export const replicationReached = defineSignal<[ReplicationReached]>("replicationReached");
/** The old primary has run although it was fenced, and has been turned off: its disks are not what the job was granted with. */
export const oldPrimaryRan = defineSignal("oldPrimaryRan");
export const jobView = defineQuery<JobView>("job");
/** Resolves when the item has granted the job; rejects with the refusal. */
export const awaitGrant = defineUpdate<void>("awaitGrant");

// To the configuration.

export const applyConfiguration = defineUpdate<void, [Configuration]>("apply");
export const currentConfiguration = defineQuery<Configuration>("current");

export interface PolicyChosen {
  readonly item: ItemName;
  readonly policy: string;
}
/** A job has put the item under another policy: the configuration says so from now on, and a file that says otherwise differs from it. */
export const policyChosen = defineSignal<[PolicyChosen]>("policyChosen");
