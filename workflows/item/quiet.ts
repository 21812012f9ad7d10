import type { OperationName } from "#domain/operations.ts";
import type { ItemState } from "#workflows/item/state.ts";

/** These begin only when replication has come to its end: the next cut must be theirs, or none. An unplanned failover waits for nobody. */
const quiet: readonly OperationName[] = [
  "PlannedFailover",
  "Failback",
  "RepairReplication",
  "PauseReplication",
  "ReverseReplicate",
  "DisableProtection",
];

/** While this holds replication does not run. */
export const wantsQuiet = ({ activeJob }: ItemState): boolean =>
  activeJob !== null && quiet.includes(activeJob.operation);
