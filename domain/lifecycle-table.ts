import type { OperationName } from "#domain/operations.ts";
import type { ProtectionState } from "#domain/states.ts";

/** What a state means to the person who is told that something is not allowed in it, and what may be asked in it at most (`lifecycle.ts` adds the conditions). */
export interface StateRow {
  /** Completes "… while ": "replication is paused". */
  readonly meaning: string;
  readonly operations: readonly OperationName[];
  /** And what with *force*: for a site that is gone for good. Of an unprotected machine that is its old primary's, which has yet to be fenced. */
  readonly forced?: readonly OperationName[];
}

/**
 * State × operation. Rules: Azure Site Recovery's lifecycle (failover, commit, reverse replication, failback).
 * An uncommitted machine is never left without its replica: protection is not disabled while a failover waits for its commit, unless both are gone.
 */
export const lifecycleTable: Readonly<Record<ProtectionState, StateRow>> = {
  unprotected: {
    meaning: "the machine is not protected",
    operations: ["EnableProtection"],
    forced: ["DisableProtection"],
  },
  enabling: { meaning: "protection is being enabled", operations: [] },
  "initial-replication": {
    meaning: "the initial replication is in progress and there is no recovery point yet",
    operations: ["PauseReplication", "UpdatePolicy", "TestFailoverCleanup", "DisableProtection"],
  },
  protected: {
    meaning: "the machine is protected",
    operations: [
      "PlannedFailover",
      "UnplannedFailover",
      "TestFailover",
      "TestFailoverCleanup",
      "Failback",
      "RepairReplication",
      "PauseReplication",
      "UpdatePolicy",
      "DisableProtection",
    ],
  },
  paused: {
    meaning: "replication is paused",
    operations: [
      "UnplannedFailover",
      "TestFailover",
      "TestFailoverCleanup",
      "ResumeReplication",
      "UpdatePolicy",
      "DisableProtection",
    ],
  },
  "resynchronization-required": {
    meaning: "a resynchronization is required",
    operations: [
      "UnplannedFailover",
      "TestFailover",
      "TestFailoverCleanup",
      "RepairReplication",
      "UpdatePolicy",
      "DisableProtection",
    ],
  },
  resynchronizing: {
    meaning: "the replica is being resynchronized",
    operations: ["UnplannedFailover", "TestFailoverCleanup", "UpdatePolicy", "DisableProtection"],
  },
  "failing-over": { meaning: "a failover is in progress", operations: [] },
  "commit-pending": {
    meaning: "a failover waits for its commit",
    operations: ["Commit", "ChangePit", "CancelFailover", "TestFailoverCleanup"],
    forced: ["DisableProtection"],
  },
  "failed-over": {
    meaning: "the machine has failed over and is not protected",
    operations: ["ReverseReplicate", "UpdatePolicy", "TestFailoverCleanup", "DisableProtection"],
  },
  "failed-over-protected": {
    meaning: "the machine has failed over and its replication is not yet reversed",
    operations: ["ReverseReplicate", "UpdatePolicy", "TestFailoverCleanup", "DisableProtection"],
  },
  reversing: { meaning: "the replication is being reversed", operations: [] },
  disabling: { meaning: "protection is being disabled", operations: ["DisableProtection"] },
};
