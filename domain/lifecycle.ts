import { Fault } from "#domain/fault.ts";
import { type Asking, refusal } from "#domain/lifecycle-refusal.ts";
import type { OperationName } from "#domain/operations.ts";
import type { ProtectionState, TestFailoverState } from "#domain/states.ts";

export { newLifecycle } from "#domain/lifecycle-new.ts";
export { allowedOperations, interruptedBy, refusal } from "#domain/lifecycle-refusal.ts";
export { finish, type JobFacts, type JobOutcome } from "#domain/lifecycle-finish.ts";

/** A running job: its workflow's id and what it does. */
export interface JobRef {
  readonly id: string;
  readonly operation: OperationName;
}

/** One protected item's place in its life. Plain JSON; changed only by `begin`, `finish` and `observe`. */
export interface Lifecycle {
  readonly state: ProtectionState;
  /** Of the replication: *forward* is primary to secondary. Turned round by reverse replication, not by a failover. */
  readonly direction: "forward" | "reverse";
  readonly testFailover: TestFailoverState;
  /** The replica has at least one sealed point: what every failover needs. */
  readonly hasRecoveryPoint: boolean;
  /** From the failover's begin until replication is reversed. */
  readonly failoverKind?: "planned" | "unplanned";
  /** The failover failed and could not be taken back: nobody has seen its machine run. Until one is seen, or the failover is cancelled. */
  readonly unconfirmed?: true;
  /** While failing over, reversing or disabling: the state to go back to when that fails. */
  readonly before?: ProtectionState;
  readonly job?: JobRef;
}

/** A resynchronization that is broken off is required again. */
const resting = (state: ProtectionState): ProtectionState =>
  state === "resynchronizing" ? "resynchronization-required" : state;

const moving = (lifecycle: Lifecycle, state: ProtectionState): Lifecycle => ({
  ...lifecycle,
  before: lifecycle.before ?? resting(lifecycle.state),
  state,
});

/** The next lifecycle when the job is granted. Throws the refusal as a Fault. */
export const begin = (lifecycle: Lifecycle, job: JobRef, asking: Asking = {}): Lifecycle => {
  const refused = refusal(lifecycle, job.operation, asking);
  if (refused !== undefined) throw new Fault(refused.code, refused.message);
  const next: Lifecycle = { ...lifecycle, job: { id: job.id, operation: job.operation } };
  switch (job.operation) {
    case "EnableProtection":
      return { ...next, state: "enabling" };
    case "PlannedFailover":
    case "Failback":
      return { ...moving(next, "failing-over"), failoverKind: "planned" };
    case "UnplannedFailover":
      return {
        ...moving(next, "failing-over"),
        failoverKind: "unplanned",
        testFailover: next.testFailover === "none" ? "none" : "waiting-for-cleanup",
      };
    case "ChangePit":
    case "CancelFailover":
      return moving(next, "failing-over");
    case "ReverseReplicate":
      return moving(next, "reversing");
    case "RepairReplication":
      return { ...next, state: "resynchronizing" };
    case "DisableProtection":
      return moving(next, "disabling");
    case "TestFailover":
      return { ...next, testFailover: "starting" };
    case "TestFailoverCleanup":
      return { ...next, testFailover: "cleaning-up" };
    case "Commit":
    case "PauseReplication":
    case "ResumeReplication":
    case "UpdatePolicy":
      return next;
  }
};

/** What the replication itself tells, beside any job. Its health is no event here: it never changes what may be asked (`health.ts`). */
export type ReplicationEvent =
  | "initial-replication-started"
  /** The first recovery point is sealed. */
  | "initial-replication-done"
  | "tracking-lost"
  | "resynchronization-started"
  | "resynchronization-done"
  | "resynchronization-failed"
  /** The replica is gone or broken. */
  | "recovery-points-lost";

/** The next lifecycle after an event. An event that means nothing in the present state (a late report) changes nothing. */
export const observe = (lifecycle: Lifecycle, event: ReplicationEvent): Lifecycle => {
  const { state } = lifecycle;
  switch (event) {
    case "initial-replication-started":
      return state === "enabling" ? { ...lifecycle, state: "initial-replication" } : lifecycle;
    case "initial-replication-done":
      if (state === "initial-replication" || state === "enabling")
        return { ...lifecycle, state: "protected", hasRecoveryPoint: true };
      return state === "paused" ? { ...lifecycle, hasRecoveryPoint: true } : lifecycle;
    case "tracking-lost":
      // While seeding nothing is lost: the seed compares. While resynchronizing it is what is being mended.
      if (state === "protected" || (state === "paused" && lifecycle.hasRecoveryPoint))
        return { ...lifecycle, state: "resynchronization-required" };
      return state === "failed-over-protected" ? { ...lifecycle, state: "failed-over" } : lifecycle;
    case "resynchronization-started":
      return state === "resynchronization-required" ? { ...lifecycle, state: "resynchronizing" } : lifecycle;
    case "resynchronization-done":
      return state === "resynchronizing" ? { ...lifecycle, state: "protected", hasRecoveryPoint: true } : lifecycle;
    case "resynchronization-failed":
      return state === "resynchronizing" ? { ...lifecycle, state: "resynchronization-required" } : lifecycle;
    case "recovery-points-lost":
      return ["protected", "paused", "resynchronization-required", "resynchronizing"].includes(state)
        ? { ...lifecycle, state: "resynchronization-required", hasRecoveryPoint: false }
        : lifecycle;
  }
};

/** At which end the machine runs: the one it replicates from, until a failover has moved it. */
export const activeEnd = (lifecycle: Lifecycle): "primary" | "secondary" => {
  const state = lifecycle.before ?? lifecycle.state;
  const moved = ["commit-pending", "failed-over", "failed-over-protected"].includes(state);
  return (lifecycle.direction === "forward") === moved ? "secondary" : "primary";
};
