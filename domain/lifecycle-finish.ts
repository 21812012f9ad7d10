import { newLifecycle } from "#domain/lifecycle-new.ts";
import type { JobRef, Lifecycle } from "#domain/lifecycle.ts";
import type { OperationName } from "#domain/operations.ts";
import type { ProtectionState } from "#domain/states.ts";

export type JobOutcome = "succeeded" | "failed" | "cancelled";

/** What only the job knows of how it ended. */
export interface JobFacts {
  /** Enable, reverse: whether the replica has a point already. Enable: no, reverse: yes when absent. */
  readonly hasRecoveryPoint?: boolean;
  /** A failover that did not succeed: the machine at the target may already own the item (and could not be undone). */
  readonly ownershipMoved?: boolean;
  /** And nobody has seen that machine run. */
  readonly unconfirmed?: boolean;
  /** A cancelling that did not succeed: the target has let go of the failover, only the source does not run yet. */
  readonly failoverUndone?: boolean;
  /** What the source tracks since the last point cannot be proven any more. */
  readonly trackingLost?: boolean;
  /** A test failover that did not succeed: its machine could not be taken away. */
  readonly testMachineLeft?: boolean;
  /** A disabling that did not succeed: nothing had been removed yet. */
  readonly untouched?: boolean;
}

/**
 * The next lifecycle when a job has ended. A job that is not (any more) the item's running one changes nothing: it was interrupted.
 * Where a failed job leads back to: enabling to unprotected; a failover before ownership moved to the state it came from, after it to commit-pending;
 * commit and change of point to commit-pending, cancelling, too, unless the target has let go already, and then to protected; a resynchronization to resynchronization-required; reversing to the failed-over state;
 * disabling stays, and only disabling again is allowed.
 */
export const finish = (lifecycle: Lifecycle, job: JobRef, outcome: JobOutcome, facts: JobFacts = {}): Lifecycle => {
  if (lifecycle.job?.id !== job.id) return lifecycle;
  const { job: _job, ...ended } = lifecycle;
  return outcome === "succeeded" ? succeeded(ended, job.operation, facts) : unsuccessful(ended, job.operation, facts);
};

/** Without the memory of a running step. */
const settled = (lifecycle: Lifecycle, state: ProtectionState): Lifecycle => {
  const { before: _before, ...rest } = lifecycle;
  return { ...rest, state };
};
const confirmed = (lifecycle: Lifecycle): Lifecycle => {
  const { unconfirmed: _unconfirmed, ...rest } = lifecycle;
  return rest;
};
/** There is no failover any more. */
const withoutKind = (lifecycle: Lifecycle): Lifecycle => {
  const { failoverKind: _kind, ...rest } = confirmed(lifecycle);
  return rest;
};

/** What a replication that goes on is called. */
const replicating = (lifecycle: Lifecycle, facts: JobFacts): ProtectionState => {
  if (!lifecycle.hasRecoveryPoint) return "initial-replication";
  return facts.trackingLost === true ? "resynchronization-required" : "protected";
};

const succeeded = (ended: Lifecycle, operation: OperationName, facts: JobFacts): Lifecycle => {
  switch (operation) {
    case "EnableProtection": {
      if (ended.state !== "enabling") return ended;
      const enabled = { ...ended, hasRecoveryPoint: facts.hasRecoveryPoint ?? ended.hasRecoveryPoint };
      return settled(enabled, replicating(enabled, facts));
    }
    case "PlannedFailover":
    case "Failback":
    case "UnplannedFailover":
    case "ChangePit":
      return confirmed(settled(ended, "commit-pending"));
    case "CancelFailover":
      return withoutKind(settled(ended, replicating(ended, facts)));
    case "Commit":
      return settled(
        confirmed(ended),
        ended.failoverKind === "planned" && facts.trackingLost !== true ? "failed-over-protected" : "failed-over",
      );
    case "ReverseReplicate": {
      const turned: Lifecycle = {
        ...withoutKind(ended),
        direction: ended.direction === "forward" ? "reverse" : "forward",
        hasRecoveryPoint: facts.hasRecoveryPoint ?? true,
      };
      return settled(turned, replicating(turned, facts));
    }
    case "RepairReplication":
      return { ...ended, state: "protected", hasRecoveryPoint: true };
    case "PauseReplication":
      return ended.state === "protected" || ended.state === "initial-replication"
        ? { ...ended, state: "paused" }
        : ended;
    case "ResumeReplication":
      return ended.state === "paused" ? { ...ended, state: replicating(ended, facts) } : ended;
    case "DisableProtection":
      return newLifecycle;
    case "TestFailover":
      return { ...ended, testFailover: "waiting-for-cleanup" };
    case "TestFailoverCleanup":
      return { ...ended, testFailover: "none" };
    case "UpdatePolicy":
      return ended;
  }
};

const unsuccessful = (ended: Lifecycle, operation: OperationName, facts: JobFacts): Lifecycle => {
  const before = ended.before ?? ended.state;
  switch (operation) {
    case "EnableProtection":
      return ended.hasRecoveryPoint ? ended : settled(ended, "unprotected");
    case "PlannedFailover":
    case "Failback":
    case "UnplannedFailover":
      if (facts.ownershipMoved === true)
        return { ...settled(ended, "commit-pending"), ...(facts.unconfirmed === true ? { unconfirmed: true } : {}) };
      return withoutKind(settled(ended, facts.trackingLost === true ? "resynchronization-required" : before));
    case "CancelFailover":
      return facts.failoverUndone === true
        ? withoutKind(settled(ended, replicating(ended, facts)))
        : settled(ended, before);
    case "ChangePit":
    case "ReverseReplicate":
      return settled(ended, before);
    case "RepairReplication":
      return ended.state === "resynchronizing" ? { ...ended, state: "resynchronization-required" } : ended;
    case "DisableProtection":
      return facts.untouched === true ? settled(ended, before) : ended;
    case "TestFailover":
      return { ...ended, testFailover: facts.testMachineLeft === true ? "waiting-for-cleanup" : "none" };
    case "TestFailoverCleanup":
      return { ...ended, testFailover: "waiting-for-cleanup" };
    case "Commit":
    case "PauseReplication":
    case "ResumeReplication":
    case "UpdatePolicy":
      return ended;
  }
};
