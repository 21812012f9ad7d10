import type { OperationName } from "#domain/operations.ts";

const verbs: Readonly<Record<OperationName, (item: string) => string>> = {
  EnableProtection: (item) => `protect ${item}`,
  PlannedFailover: (item) => `failover ${item} --planned`,
  UnplannedFailover: (item) => `failover ${item} --unplanned`,
  TestFailover: (item) => `failover ${item} --test`,
  TestFailoverCleanup: (item) => `cleanup ${item}`,
  Commit: (item) => `commit ${item}`,
  ChangePit: (item) => `change-point ${item} --point POINT`,
  CancelFailover: (item) => `cancel ${item}`,
  ReverseReplicate: (item) => `reprotect ${item}`,
  Failback: (item) => `failback ${item}`,
  RepairReplication: (item) => `resync ${item}`,
  PauseReplication: (item) => `pause ${item}`,
  ResumeReplication: (item) => `resume ${item}`,
  UpdatePolicy: (item) => `set-policy ${item} POLICY`,
  DisableProtection: (item) => `disable ${item}`,
};

/** How an operation is asked for on this command line. */
export const commandLine = (operation: OperationName, item: string): string => `understudy ${verbs[operation](item)}`;
