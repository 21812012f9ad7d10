import type { FaultCode } from "#domain/fault-codes.ts";
import type { CutId, DiskId, Instant, ItemName } from "#domain/ids.ts";
import type { PointSelector } from "#domain/cut.ts";
import type { OperationName } from "#domain/operations.ts";

/** Azure Site Recovery's job states. */
export type JobState =
  | "NotStarted"
  | "InProgress"
  | "Succeeded"
  | "Failed"
  | "Cancelled"
  | "Suspended"
  | "PartiallySucceeded"
  | "CompletedWithInformation"
  | "Skipped";

export interface JobTask {
  /** The task's name as `job-scenarios.ts` spells it. */
  readonly name: string;
  readonly state: JobState;
  readonly startedAt?: Instant;
  readonly endedAt?: Instant;
  readonly detail?: string;
  readonly bytesDone?: number;
  readonly bytesTotal?: number;
}

/** One run of an operation, as people watch it. Its id is its workflow's id. */
export interface JobView {
  readonly id: string;
  readonly item: ItemName;
  readonly operation: OperationName;
  /** The scenario's name for people: "Planned failover". */
  readonly scenario: string;
  readonly state: JobState;
  readonly tasks: readonly JobTask[];
  readonly startedAt: Instant;
  readonly endedAt?: Instant;
  readonly fault?: JobFault;
  /** What came of it: the point failed over to, the bytes sent, the measured times. */
  readonly result?: JobResult;
}
export interface JobFault {
  readonly code: FaultCode;
  readonly message: string;
  readonly causes: readonly string[];
  readonly action: string;
}
export interface JobResult {
  readonly point?: CutId;
  readonly pointTakenAt?: Instant;
  readonly machineName?: string;
  readonly bytesSent?: number;
  /** What must be said although the job succeeded: "the source could not be shut down". */
  readonly information?: readonly string[];
}

/** A job's whole input: small JSON that a person can type into Temporal's UI. */
export interface JobInput {
  readonly item: ItemName;
  /** Who asked, for the audit trail; the CLI fills in the login name. */
  readonly requestedBy?: string;
  /** UnplannedFailover, TestFailover, ChangePit. */
  readonly point?: PointSelector;
  /** UnplannedFailover: try to shut the source down first (goes on in any case). */
  readonly shutDownSource?: boolean;
  /** TestFailover: the target's network to use; absent: an isolated one is made. */
  readonly network?: string;
  /** PlannedFailover, Failback: turn the guest off when it does not shut down in time. DisableProtection: also when a site is gone for good. */
  readonly force?: boolean;
  /** EnableProtection: older copies of disks that were carried to the target's host by hand, as absolute paths there: compared instead of sent. */
  readonly copies?: Readonly<Record<DiskId, string>>;
  /** UpdatePolicy. */
  readonly policy?: string;
}
