/** Every workflow type, as the orchestrator's worker registers them and as they are called in Temporal's UI. */
export { ConfigurationKeeper } from "#workflows/configuration.ts";
export { CancelFailover } from "#workflows/jobs/cancel-failover.ts";
export { ChangePit } from "#workflows/jobs/change-pit.ts";
export { Commit } from "#workflows/jobs/commit.ts";
export { DisableProtection } from "#workflows/jobs/disable-protection.ts";
export { EnableProtection } from "#workflows/jobs/enable-protection.ts";
export { Failback } from "#workflows/jobs/failback.ts";
export { FinalizeProtection } from "#workflows/jobs/finalize-protection.ts";
export { PauseReplication } from "#workflows/jobs/pause-replication.ts";
export { PlannedFailover } from "#workflows/jobs/planned-failover.ts";
export { RepairReplication } from "#workflows/jobs/repair-replication.ts";
export { ResumeReplication } from "#workflows/jobs/resume-replication.ts";
export { ReverseReplicate } from "#workflows/jobs/reverse-replicate.ts";
export { TestFailover } from "#workflows/jobs/test-failover.ts";
export { TestFailoverCleanup } from "#workflows/jobs/test-failover-cleanup.ts";
export { UnplannedFailover } from "#workflows/jobs/unplanned-failover.ts";
export { UpdatePolicy } from "#workflows/jobs/update-policy.ts";
export { ProtectedItem } from "#workflows/protected-item.ts";
export { ReadPoints } from "#workflows/read-points.ts";
export { VerifyPoint } from "#workflows/verify-point.ts";
// What Temporal's SDK looks for under this name takes up every type that is not above.
// oxlint-disable-next-line import/no-default-export -- the SDK knows it by no other name
export { unknownType as default } from "#workflows/unknown-type.ts";
