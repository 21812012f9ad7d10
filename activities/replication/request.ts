import type { FaultCode } from "#domain/fault-codes.ts";
import type { CutId, DiskId, Instant, ReplicaId } from "#domain/ids.ts";
import type { DiskProgress } from "#domain/item-view.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import type { TrackedMachine } from "#platforms/platform.ts";

/** One run of the replication of one item, from a source to a replica at another site. */
export interface ReplicateRequest {
  readonly tracked: TrackedMachine;
  readonly replica: ReplicaId;
  readonly target: { readonly site: string; readonly address: string; readonly port: number };
  readonly policy: ReplicationPolicy;
  /**
   * `seed`: until the replica has its first recovery point (initial replication, resumed where it was). `run`: delta cycles by the policy until `returnAfterSeconds`;
   * rejects with `RESYNC_REQUIRED` when tracking is lost. `final`: one last cut of a machine that is shut off, kept as a point. `resynchronize`: compare and mend, then a point.
   */
  readonly mode: "seed" | "run" | "final" | "resynchronize";
  readonly returnAfterSeconds: number;
  /** All disks the machine had when this was asked for, excluded ones too: a `run` returns early when it has others. Absent: it does not look. */
  readonly machineDisks?: readonly DiskId[];
}

/** What one run did; also the heartbeat's details while it runs (so that `status` shows it live), ten times a second: nothing in it grows with the run. */
export interface ReplicateReport {
  readonly phase: "connecting" | "cutting" | "copying" | "comparing" | "sealing" | "waiting";
  readonly lastSealed?: { readonly cut: CutId; readonly takenAt: Instant; readonly sealedAt: Instant };
  /** The newest application-consistent cut sealed in this run: the guest could be frozen then. */
  readonly lastAppConsistentAt?: Instant;
  readonly lastCycle?: { readonly durationMs: number; readonly bytes: number; readonly wireBytes: number };
  readonly cycles: number;
  readonly bytesSent: number;
  readonly wireBytes: number;
  readonly disks: readonly DiskProgress[];
  /** Which pass over the disks this is towards the next point, from the second on, and why it was begun: what is done of a disk is counted anew. */
  readonly pass?: { readonly number: number; readonly why: string };
  /** Said in health though replication goes on, each once: an app-consistent point that could not be had, firmware variables that could not be read. */
  readonly warnings: readonly { readonly code: FaultCode; readonly message: string; readonly at: Instant }[];
}

/** What a run has achieved stays true when it fails: it goes with the failure, as its last detail. */
export type Achieved = Pick<ReplicateReport, "lastSealed" | "lastCycle" | "bytesSent">;
