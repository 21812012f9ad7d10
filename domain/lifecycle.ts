import { Fault } from "#domain/fault.ts";
import { scenarioOf } from "#domain/job-scenarios.ts";
import { lifecycleTable } from "#domain/lifecycle-table.ts";
import { operations, type OperationName } from "#domain/operations.ts";
import type { ProtectionState, TestFailoverState } from "#domain/states.ts";

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
  /** While failing over, reversing or disabling: the state to go back to when that fails. */
  readonly before?: ProtectionState;
  readonly job?: JobRef;
}

export const newLifecycle: Lifecycle = {
  state: "unprotected",
  direction: "forward",
  testFailover: "none",
  hasRecoveryPoint: false,
};

export interface Refusal {
  readonly code: "OPERATION_NOT_ALLOWED" | "JOB_RUNNING";
  readonly message: string;
}

/**
 * An unplanned failover is a rescue: it waits for nothing that is not itself a move of the machine. These jobs it interrupts; the caller cancels the
 * interrupted one (`interruptedBy`). A test machine that stands or was just being made goes on standing and waits for its clean-up.
 */
const interruptible: readonly OperationName[] = [
  "RepairReplication",
  "PauseReplication",
  "ResumeReplication",
  "UpdatePolicy",
  "TestFailover",
  "TestFailoverCleanup",
];

/** The running job that beginning `operation` would interrupt, if any. */
export const interruptedBy = (lifecycle: Lifecycle, operation: OperationName): JobRef | undefined =>
  operation === "UnplannedFailover" && lifecycle.job !== undefined && interruptible.includes(lifecycle.job.operation)
    ? lifecycle.job
    : undefined;

const has = (lifecycle: Lifecycle, operation: OperationName): boolean =>
  lifecycleTable[lifecycle.state].operations.includes(operation);

/** What must hold beside the state. Answers the rest of a sentence that begins with the operation's name: "… is not allowed …". */
const obstacle = (lifecycle: Lifecycle, operation: OperationName): string | undefined => {
  const testStands = lifecycle.testFailover !== "none";
  switch (operation) {
    case "TestFailoverCleanup":
      return testStands ? undefined : "because there is no test failover to clean up";
    case "TestFailover":
      if (testStands) return "because the machine of an earlier test failover still stands";
      return lifecycle.hasRecoveryPoint ? undefined : "because there is no recovery point yet";
    case "UnplannedFailover":
      return lifecycle.hasRecoveryPoint ? undefined : "because there is no recovery point yet";
    case "PlannedFailover":
      return testStands ? "because the machine of a test failover still stands: clean it up first" : undefined;
    case "Failback":
      if (lifecycle.direction === "forward") return "because the machine is at home: replication runs forward";
      return testStands ? "because the machine of a test failover still stands: clean it up first" : undefined;
    case "ChangePit":
      return lifecycle.failoverKind === "planned"
        ? "after a planned failover: its point is the last write of the source, and there is no newer or better one"
        : undefined;
    case "CancelFailover":
      return lifecycle.failoverKind === "planned"
        ? undefined
        : "after an unplanned failover: the source may be gone, so there is nothing certain to go back to";
    case "Commit":
    case "DisableProtection":
      return testStands ? "because the machine of a test failover still stands: clean it up first" : undefined;
    case "EnableProtection":
    case "ReverseReplicate":
    case "RepairReplication":
    case "PauseReplication":
    case "ResumeReplication":
    case "UpdatePolicy":
      return undefined;
  }
};

const allowedByState = (lifecycle: Lifecycle): readonly OperationName[] =>
  operations.filter((operation) => has(lifecycle, operation) && obstacle(lifecycle, operation) === undefined);

/** Every operation that would not be refused now: what is published with the item. */
export const allowedOperations = (lifecycle: Lifecycle): readonly OperationName[] =>
  operations.filter((operation) => refusal(lifecycle, operation) === undefined);

/** Why `operation` cannot begin now, as a sentence; undefined when it can. A running job is named before anything else. */
export const refusal = (lifecycle: Lifecycle, operation: OperationName): Refusal | undefined => {
  const title = scenarioOf(operation).title;
  if (lifecycle.job !== undefined && interruptedBy(lifecycle, operation) === undefined) {
    const running = scenarioOf(lifecycle.job.operation).title;
    return {
      code: "JOB_RUNNING",
      message: `${title} cannot start while the job ${lifecycle.job.id} (${running}) is running. Wait until it has ended, or cancel it.`,
    };
  }
  const reason = has(lifecycle, operation)
    ? obstacle(lifecycle, operation)
    : `while ${lifecycleTable[lifecycle.state].meaning}`;
  if (reason === undefined) return undefined;
  const allowed = allowedByState(lifecycle).map((name) => scenarioOf(name).title);
  return {
    code: "OPERATION_NOT_ALLOWED",
    message: `${title} is not allowed ${reason}. Allowed now: ${allowed.length === 0 ? "nothing" : allowed.join(", ")}.`,
  };
};

/** Without the memory of a running step. */
const settled = (lifecycle: Lifecycle, state: ProtectionState): Lifecycle => {
  const { before: _before, ...rest } = lifecycle;
  return { ...rest, state };
};
const withoutKind = (lifecycle: Lifecycle): Lifecycle => {
  const { failoverKind: _kind, ...rest } = lifecycle;
  return rest;
};
/** A resynchronization that is broken off is required again. */
const resting = (state: ProtectionState): ProtectionState =>
  state === "resynchronizing" ? "resynchronization-required" : state;

const moving = (lifecycle: Lifecycle, state: ProtectionState): Lifecycle => ({
  ...lifecycle,
  before: lifecycle.before ?? resting(lifecycle.state),
  state,
});

/** The next lifecycle when the job is granted. Throws the refusal as a Fault. */
export const begin = (lifecycle: Lifecycle, job: JobRef): Lifecycle => {
  const refused = refusal(lifecycle, job.operation);
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

export type JobOutcome = "succeeded" | "failed" | "cancelled";

/** What only the job knows of how it ended. */
export interface JobFacts {
  /** Enable, reverse: whether the replica has a point already. Enable: no, reverse: yes when absent. */
  readonly hasRecoveryPoint?: boolean;
  /** A failover that did not succeed: the machine at the target may already own the item (and could not be undone). */
  readonly ownershipMoved?: boolean;
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
 * commit, change of point and cancelling to commit-pending; a resynchronization to resynchronization-required; reversing to the failed-over state;
 * disabling stays, and only disabling again is allowed.
 */
export const finish = (lifecycle: Lifecycle, job: JobRef, outcome: JobOutcome, facts: JobFacts = {}): Lifecycle => {
  if (lifecycle.job?.id !== job.id) return lifecycle;
  const { job: _job, ...ended } = lifecycle;
  return outcome === "succeeded" ? succeeded(ended, job.operation, facts) : unsuccessful(ended, job.operation, facts);
};

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
      return settled(ended, "commit-pending");
    case "CancelFailover":
      return withoutKind(settled(ended, replicating(ended, facts)));
    case "Commit":
      return settled(
        ended,
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
      if (facts.ownershipMoved === true) return settled(ended, "commit-pending");
      return withoutKind(settled(ended, facts.trackingLost === true ? "resynchronization-required" : before));
    case "ChangePit":
    case "CancelFailover":
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
