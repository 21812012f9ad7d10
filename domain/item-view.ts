import type { FaultCode } from "#domain/fault-codes.ts";
import type { CutId, DiskId, Instant, ItemName, SiteName } from "#domain/ids.ts";
import type { PointTimes } from "#domain/newer-point.ts";
import type { OperationName } from "#domain/operations.ts";
import type { ProtectionState, TestFailoverState } from "#domain/states.ts";

export type HealthLevel = "None" | "Normal" | "Warning" | "Critical";

export interface HealthError {
  readonly code: FaultCode;
  readonly severity: "Warning" | "Critical";
  readonly category: "Replication" | "TestFailover" | "Configuration" | "FabricInfrastructure";
  readonly message: string;
  readonly causes: readonly string[];
  readonly action: string;
  readonly at: Instant;
}

export interface DiskProgress {
  readonly disk: DiskId;
  readonly state: "Queued" | "InProgress" | "SlowProgress" | "NoProgress" | "Completed";
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** What is published of one protected item: `state`, `progress` and `health` apart. */
export interface ItemView {
  readonly item: ItemName;
  readonly machineName: string;
  readonly state: ProtectionState;
  readonly allowedOperations: readonly OperationName[];
  readonly epoch: number;
  readonly activeSite: SiteName;
  readonly primarySite: SiteName;
  readonly secondarySite: SiteName;
  /** Where its recovery points are: after a failover the site that the machine runs at, until replication is reversed. Absent: there are none. */
  readonly pointsSite?: SiteName;
  readonly policy: string;
  readonly activeJob?: { readonly id: string; readonly operation: OperationName; readonly since: Instant };
  readonly testFailover: TestFailoverState;
  readonly lastSuccessfulTestFailover?: Instant;
  readonly replicationHealth: HealthLevel;
  readonly health: readonly HealthError[];
  /** What would be lost with the active site: the age of the newest sealed cut, after a failover of the one that the machine began with. */
  readonly rpoSeconds?: number;
  /** The newest recovery point. `takenAt` by the source's clock; `sealedAt`, where it was told, by the replica's. */
  readonly lastSealed?: { readonly cut: CutId } & PointTimes;
  readonly lastCycle?: { readonly durationMs: number; readonly bytes: number; readonly wireBytes: number };
  /** `pass`: which pass over the disks this is and why, from the second on. */
  readonly progress?: { readonly phase: string; readonly pass?: string; readonly disks: readonly DiskProgress[] };
}
