import { scenarioOf } from "#domain/job-scenarios.ts";
import { lifecycleTable } from "#domain/lifecycle-table.ts";
import type { JobRef, Lifecycle } from "#domain/lifecycle.ts";
import { operations, type OperationName } from "#domain/operations.ts";

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

/** How something is asked for. `force`: also where a site is gone for good. */
export interface Asking {
  readonly force?: boolean;
}

const has = (lifecycle: Lifecycle, operation: OperationName, { force = false }: Asking = {}): boolean => {
  const { operations: free, forced = [] } = lifecycleTable[lifecycle.state];
  return free.includes(operation) || (force && forced.includes(operation));
};

/** What must hold beside the state. Answers the rest of a sentence that begins with the operation's name: "… is not allowed …". */
const obstacle = (
  lifecycle: Lifecycle,
  operation: OperationName,
  { force = false }: Asking = {},
): string | undefined => {
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
      // One that did not come about leads nowhere else.
      return lifecycle.failoverKind === "planned" || lifecycle.unconfirmed === true
        ? undefined
        : "after an unplanned failover: the source may be gone, so there is nothing certain to go back to";
    case "Commit":
      return testStands ? "because the machine of a test failover still stands: clean it up first" : undefined;
    case "DisableProtection":
      return testStands && !force && lifecycle.state !== "disabling"
        ? "because the machine of a test failover still stands: clean it up first, or, when its site is gone for good, order it with force"
        : undefined;
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
export const refusal = (lifecycle: Lifecycle, operation: OperationName, asking: Asking = {}): Refusal | undefined => {
  const title = scenarioOf(operation).title;
  if (lifecycle.job !== undefined && interruptedBy(lifecycle, operation) === undefined) {
    const running = scenarioOf(lifecycle.job.operation).title;
    return {
      code: "JOB_RUNNING",
      message: `${title} cannot start while the job ${lifecycle.job.id} (${running}) is running. Wait until it has ended, or cancel it.`,
    };
  }
  const onlyForced =
    lifecycle.state !== "unprotected" && has(lifecycle, operation, { force: true }) && !has(lifecycle, operation);
  const reason = has(lifecycle, operation, asking)
    ? obstacle(lifecycle, operation, asking)
    : `while ${lifecycleTable[lifecycle.state].meaning}${onlyForced ? " (with force, when the site that it led to is gone for good)" : ""}`;
  if (reason === undefined) return undefined;
  const allowed = allowedByState(lifecycle).map((name) => scenarioOf(name).title);
  return {
    code: "OPERATION_NOT_ALLOWED",
    message: `${title} is not allowed ${reason}. Allowed now: ${allowed.length === 0 ? "nothing" : allowed.join(", ")}.`,
  };
};
