import type { CutDescription, RecoveryPoint } from "#domain/cut.ts";
import type { CutId, DiskId, FailoverId, Instant, ItemName, MachineId, ReplicaId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import type { FailoverRequest, StandingCut } from "#platforms/platform.ts";
import type { IncomingMode } from "#transfer/replica.ts";
import type { Key } from "./store.ts";

/** The simulated hypervisor host itself. */
export interface HostRecord {
  readonly up: boolean;
  /** How often it has been booted after a crash. */
  readonly boots?: number;
  readonly networks: readonly string[];
  /** Counts layers and openings, so that their names are never used twice. */
  readonly counter: number;
}

/** How the guest behaves. */
export interface Guest {
  /** What runs in it: the writer with the consistency oracle, or nothing that writes by itself. */
  readonly program: "writer" | "none";
  readonly writesPerSecond: number;
  readonly agent: "present" | "absent" | "hook-fails";
  readonly obeysShutDown: boolean;
}

export interface MachineRecord {
  readonly machine: Machine;
  readonly guest: Guest;
  /** Grows with each start: a guest of an earlier start cannot write any more. */
  readonly generation: number;
  readonly autostart: boolean;
  /** Its start with the host is held, as `holdAutostart` has it; `ranIn`: the boot that it last ran in; `since`: by which protection. */
  readonly held?: { readonly ranIn: number; readonly since?: Instant };
  readonly fencedEpoch?: number;
  /** The fence stands: a lawful start has not lifted it. */
  readonly fenced?: boolean;
  /** The order that fenced it, and what it found: it answers the same when it is given again. */
  readonly fencedBy?: { readonly order: string; readonly wasRunning: boolean; readonly autostart: boolean };
  readonly tracking?: TrackingRecord;
}

/** Changes are recorded in segments, each from one cut to the next; "since cut C" is the union from C's segment on. Only the last one grows. */
export interface TrackingRecord {
  readonly item: ItemName;
  readonly segments: readonly Segment[];
  readonly standing?: StandingRecord;
}
export interface Segment {
  readonly since: CutId;
  readonly disks: readonly DiskId[];
}
export interface StandingRecord {
  readonly cut: StandingCut;
  readonly scratchBlocks: Readonly<Record<DiskId, number>>;
  readonly savedBlocks: Readonly<Record<DiskId, number>>;
  readonly broken: boolean;
}

export interface ReplicaRecord {
  readonly id: ReplicaId;
  readonly item: ItemName;
  readonly machine: Machine;
  readonly sourceSite: string;
  readonly epoch: number;
  /** The newest opening for receiving: an older one's calls are refused. */
  readonly opening: number;
  readonly disks: readonly ReplicaDisk[];
  /** Oldest first; each holds what changed from the one before it. */
  readonly layers: readonly LayerRecord[];
  readonly lastCut?: CutId;
  readonly lastKeptAt?: string;
  readonly lastAppConsistentAt?: string;
  readonly incoming?: IncomingRecord;
  readonly activations: readonly ActivationRecord[];
}
export interface ReplicaDisk {
  readonly id: DiskId;
  readonly sizeBytes: number;
}
export interface LayerRecord {
  readonly id: string;
  /** Absent: in no recovery point; to be merged away, or the adopted content nobody has proven yet. */
  readonly point?: RecoveryPoint;
}
export interface IncomingRecord {
  readonly layer: string;
  readonly mode: IncomingMode;
  readonly base?: CutId;
  readonly firstCut: CutId;
  readonly cut: CutDescription;
  readonly resumeOffsets: Readonly<Record<DiskId, number>>;
}
export interface ActivationRecord {
  readonly failover: FailoverId;
  readonly kind: FailoverRequest["kind"];
  readonly machine: MachineId;
  readonly machineName: string;
  readonly point: CutId;
  /** `preparing`: its disks are being filled. */
  readonly state: "preparing" | "running" | "committed";
}

export const hostKey: Key<HostRecord> = { name: "host" };
export const machineKey = (id: MachineId): Key<MachineRecord> => ({ name: `machine/${id}` });
export const allMachines: Key<MachineRecord> = { name: "machine/" };
export const replicaKey = (id: ReplicaId): Key<ReplicaRecord> => ({ name: `replica/${id}` });
