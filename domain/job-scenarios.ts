import type { OperationName } from "#domain/operations.ts";

/** An operation as people watch it: the job's title and its tasks in order. Names follow Azure Site Recovery, where it has them. */
export interface Scenario {
  readonly title: string;
  readonly tasks: readonly string[];
}

const scenarios = {
  EnableProtection: {
    title: "Enable protection",
    tasks: [
      "Prerequisites check for enabling protection",
      "Identifying replication target",
      "Enable replication",
      "Starting initial replication",
      "Updating provider states",
    ],
  },
  PlannedFailover: {
    title: "Planned failover",
    tasks: [
      "Prerequisites check for planned failover",
      "Shut down the virtual machine",
      "Preparing for failover",
      "Start failover",
      "Start the replica virtual machine",
    ],
  },
  UnplannedFailover: {
    title: "Unplanned failover",
    tasks: [
      "Prerequisites check for failover",
      "Shut down the virtual machine",
      "Preparing for failover",
      "Start failover",
      "Start the replica virtual machine",
    ],
  },
  TestFailover: {
    title: "Test failover",
    tasks: [
      "Prerequisites check for test failover",
      "Starting test failover",
      "Creating test virtual machine",
      "Start the virtual machine",
    ],
  },
  TestFailoverCleanup: {
    title: "Test failover cleanup",
    tasks: ["Prerequisites check for test failover cleanup", "Delete the test virtual machine"],
  },
  Commit: { title: "Commit", tasks: ["Prerequisites check", "Commit"] },
  ChangePit: {
    title: "Change recovery point",
    tasks: [
      "Prerequisites check for changing the recovery point",
      "Shut down the replica virtual machine",
      "Apply the recovery point",
      "Start the replica virtual machine",
    ],
  },
  CancelFailover: {
    title: "Cancel failover",
    tasks: [
      "Prerequisites check for cancelling the failover",
      "Delete the replica virtual machine",
      "Start the virtual machine",
      "Resume replication",
    ],
  },
  ReverseReplicate: {
    title: "Reverse replication",
    tasks: [
      "Prerequisites check for reverse replication",
      "Fence the previous primary virtual machine",
      "Prepare the previous primary as the replica",
      "Reverse replication",
      "Synchronize changes",
    ],
  },
  Failback: {
    title: "Failback",
    tasks: [
      "Prerequisites check for failback",
      "Shut down the virtual machine",
      "Preparing for failover",
      "Start failover",
      "Start the virtual machine at the primary site",
    ],
  },
  RepairReplication: {
    title: "Resynchronize",
    tasks: ["Prerequisites check for resynchronization", "Compare and send changed blocks", "Updating provider states"],
  },
  PauseReplication: { title: "Pause replication", tasks: ["Pause replication"] },
  ResumeReplication: { title: "Resume replication", tasks: ["Resume replication"] },
  UpdatePolicy: { title: "Update replication policy", tasks: ["Check the replication policy", "Update properties"] },
  DisableProtection: {
    title: "Disable protection",
    tasks: ["Stop replication", "Remove change tracking", "Delete the replica", "Updating provider states"],
  },
} as const satisfies Readonly<Record<OperationName, Scenario>>;

/** The task names of one operation as a type: a job's workflow names no task that is not listed here. */
export type TaskName<Operation extends OperationName> = (typeof scenarios)[Operation]["tasks"][number];

export const scenarioOf = <Operation extends OperationName>(operation: Operation): (typeof scenarios)[Operation] =>
  scenarios[operation];

/**
 * Run by the item itself once the initial replication is done, as a job that nobody asks for.
 * (Azure Site Recovery: "Finalize protection on the primary / recovery virtual machine".)
 */
export const finalizeScenario = {
  title: "Finalize protection",
  tasks: ["Finalize protection on the primary virtual machine", "Finalize protection on the recovery virtual machine"],
} as const satisfies Scenario;
