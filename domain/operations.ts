/** What a user can ask of a protected item; names as Azure Site Recovery spells them, where it has them. */
export const operations = [
  "EnableProtection",
  "PlannedFailover",
  "UnplannedFailover",
  "TestFailover",
  "TestFailoverCleanup",
  "Commit",
  "ChangePit",
  "CancelFailover",
  "ReverseReplicate",
  "Failback",
  "RepairReplication",
  "PauseReplication",
  "ResumeReplication",
  "UpdatePolicy",
  "DisableProtection",
] as const;
export type OperationName = (typeof operations)[number];
