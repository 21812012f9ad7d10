import type { Check } from "#domain/check.ts";
import type { Host } from "#domain/configuration.ts";
import type { Consistency, CutDescription, RecoveryPoint } from "#domain/cut.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { CutId, DiskId, FailoverId, Instant, ItemName, MachineId, ReplicaId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import type { BlockSource } from "#transfer/block.ts";
import type { Replica } from "#transfer/replica.ts";

/** What every call gets. The same `id` twice has the effect of once. Rejections are Faults (`domain/fault.ts`). */
export interface Operation {
  readonly id: string;
  readonly signal: AbortSignal;
  progress(update: Progress): void;
}
export interface Progress {
  readonly step?: string;
  readonly bytesDone?: number;
  readonly bytesTotal?: number;
}

/** What an adapter is made with. */
export interface PlatformContext {
  readonly host: Host;
  /** What must be said although the work goes on: a merge that is put off, a leftover that could not be removed. */
  onWarning(problem: unknown): void;
}

/** One connection to one host or fabric. A role it cannot play is absent, never a stub that throws. */
export interface Platform extends AsyncDisposable {
  readonly kind: string;
  readonly inventory: Inventory;
  readonly source?: ReplicationSource;
  readonly target?: RecoveryTarget;
}

export interface Inventory {
  list(op: Operation): Promise<readonly Machine[]>;
  /** By the name a person uses or by the id. Rejects with `MACHINE_NOT_FOUND`, naming the nearest names there are. */
  find(nameOrId: string, op: Operation): Promise<Machine>;
  /** The names of the networks machines can be connected to. */
  networks(op: Operation): Promise<readonly string[]>;
}

/** A machine under protection, as the source side names it. */
export interface TrackedMachine {
  readonly item: ItemName;
  readonly machine: MachineId;
  /** The disks to replicate (exclusions already taken out). */
  readonly disks: readonly DiskId[];
  readonly epoch: number;
}

export interface CutRequest {
  readonly tracked: TrackedMachine;
  readonly cut: CutId;
  readonly consistency: Consistency;
  /** Bound of the copy-before-write scratch of each disk. When it is full the cut breaks (`CUT_BROKEN` on read); the machine goes on. */
  readonly scratchPercent: number;
}

/** A machine whose start with its host is held. `since`: by which protection; what an earlier one has left behind makes no start due. */
export interface HoldRequest {
  readonly item: ItemName;
  readonly machine: MachineId;
  readonly since?: Instant;
}

/** A standing instant. Plain JSON: another worker can take it up. */
export interface StandingCut {
  readonly description: CutDescription;
  /** Per disk: the cuts since which all changes are provably known. A delta may start at any of them; none means resynchronize. */
  readonly trackedSince: Readonly<Record<DiskId, readonly CutId[]>>;
  /** The machine was off: nothing holds the instant, and `stillAt` tells whether it was one. */
  readonly machineOff?: true;
  /** For the drill report: how long the guest's file systems were frozen and how long the machine was paused, in ms. */
  readonly frozenMs: number;
  readonly pausedMs: number;
  /** What the cut lacks although it is good: said in the item's health. */
  readonly warnings?: readonly { readonly code: FaultCode; readonly message: string }[];
}

/**
 * A fabric changed blocks are read from. Tracking is by cut: taking cut *C* starts the record "changes since C" before the instant, so that it is
 * always a superset; it lives until `release` forgets it. Lost, unproven or foreign records are never listed.
 */
export interface ReplicationSource {
  /** Every prerequisite of protecting that machine, failed or not; among them that no other item tracks it, whatever name or id it is given by. */
  checks(tracked: TrackedMachine, op: Operation): Promise<readonly Check[]>;
  /**
   * Takes one instant over all disks. Called again with the same cut id while it stands it answers the same; another standing cut of this item is released first
   * (its tracking record stays). A machine that is shut off is cut where it stopped: no freeze, no scratch, and no hindrance to its start. App-consistent: the guest is always thawed,
   * also on errors and time-outs; where it cannot be frozen the call rejects with `GUEST_FREEZE_FAILED` and nothing stands. `STALE_EPOCH` for a machine that is
   * fenced under a newer epoch.
   */
  cut(request: CutRequest, op: Operation): Promise<StandingCut>;
  /** The cut that stands now, if one does: what a worker that starts after another's death takes up. */
  standingCut(tracked: TrackedMachine, op: Operation): Promise<StandingCut | undefined>;
  /**
   * Whether the machine is off, and it and every replicated disk are provably what they were at that cut: nothing was written since, not for a moment. What cannot be proven
   * is `false`. To be asked after a cut of a machine that was off has been read, before that is sealed; and, cheap, instead of taking another one.
   */
  stillAt(request: { readonly tracked: TrackedMachine; readonly cut: CutId }, op: Operation): Promise<boolean>;
  /** `since` absent: the whole disk. Otherwise changes since that cut; rejects with `TRACKING_LOST` when they cannot be proven. */
  openDisk(
    request: { readonly tracked: TrackedMachine; readonly cut: CutId; readonly disk: DiskId; readonly since?: CutId },
    op: Operation,
  ): Promise<BlockSource>;
  /** Ends the standing cut. `keep`: the tracking records that stay (the replica's `lastCut`, usually); all other records of this item go. */
  release(request: { readonly tracked: TrackedMachine; readonly keep: readonly CutId[] }, op: Operation): Promise<void>;
  /** Removes everything of ours from the machine. One that was fenced is its owner's again; that its host does not start it by itself, also because that was held and not given back before, stays so. */
  stopTracking(tracked: TrackedMachine, op: Operation): Promise<void>;
  /** Asks the guest to shut down; after `graceSeconds` rejects with `SHUTDOWN_TIMED_OUT`, or with `force` turns it off. */
  shutDown(
    request: { readonly machine: MachineId; readonly graceSeconds: number; readonly force: boolean },
    op: Operation,
  ): Promise<{ readonly forced: boolean }>;
  powerOn(machine: MachineId, op: Operation): Promise<void>;
  /** Starts a machine that has gone off, unless it is fenced: what must not serve stays off. Answers whether it had to be started. */
  keepOn(machine: MachineId, op: Operation): Promise<{ readonly wasOff: boolean }>;
  /**
   * Takes over from the host that it starts the machine by itself when it starts: its own setting goes off, after it was durably written down there that it was on. From then on
   * the machine counts as one that starts with its host: cuts carry that, and a fence. Nothing is taken over of a machine that its host does not start by itself, or that is
   * fenced. Cheap, to be asked again and again. `startDue`: the machine is off, and its host has been restarted since it was last seen running.
   */
  holdAutostart(request: HoldRequest, op: Operation): Promise<{ readonly startDue: boolean }>;
  /** Starts a held machine whose start is due, and no other; a fenced one never. Whether it still lives here is the caller's to know. Answers whether it was started. */
  startHeld(request: HoldRequest, op: Operation): Promise<{ readonly started: boolean }>;
  /** Ends `holdAutostart`: the host starts the machine by itself again. Nothing to do where nothing is held, and not for one that is fenced. */
  giveAutostartBack(machine: MachineId, op: Operation): Promise<void>;
  /**
   * Keeps an old primary from serving: turned off at once, hard, when it runs, not started by the host itself (autostart off), and marked on the host with `epoch`.
   * Idempotent; `STALE_EPOCH` where it is fenced under a newer one. Answers whether it was found running.
   */
  fence(
    request: { readonly item: ItemName; readonly machine: MachineId; readonly epoch: number },
    op: Operation,
  ): Promise<{ readonly wasRunning: boolean }>;
  /**
   * Turns a fenced machine off again, hard, when somebody has started it although the fence stands. A machine whose fence of that epoch has been lifted, as a lawful
   * start does before it begins, is left alone. Answers whether it was turned off.
   */
  keepFenced(
    request: { readonly item: ItemName; readonly machine: MachineId; readonly epoch: number },
    op: Operation,
  ): Promise<{ readonly wasRunning: boolean }>;
  /**
   * Takes a fence back as if it had never been: the host starts the machine by itself where it did so before, and one that the fence turned off runs again.
   * Nothing to do where none stands. Answers whether it was started.
   */
  unfence(machine: MachineId, op: Operation): Promise<{ readonly started: boolean }>;
}

export interface ReplicaSpec {
  readonly replica: ReplicaId;
  readonly item: ItemName;
  readonly machine: Machine;
  readonly disks: readonly DiskId[];
  readonly epoch: number;
  /** The site whose worker may send to it; compared with the peer's certificate. */
  readonly sourceSite: string;
  /**
   * Make the replica out of a machine that is here already (the old primary on the way back): its disks become the base. `content` is the cut its disks
   * were exactly equal to (after a planned failover); absent when unknown. Where it is, or where the disks' records do not prove that nothing was written since, the replica
   * has no `lastCut` and is resynchronized.
   */
  readonly adopt?: { readonly machine: MachineId; readonly content?: CutId };
  /**
   * Files at the target's host with older copies of disks, carried there by hand. They are read, never changed, and become the base: the replica is then `unproven` and
   * is compared with the source, whatever they hold. `INVALID_INPUT` for one that cannot be used.
   */
  readonly copies?: Readonly<Record<DiskId, string>>;
}

export interface FailoverRequest {
  readonly replica: ReplicaId;
  readonly failover: FailoverId;
  readonly kind: "test" | "planned" | "unplanned";
  readonly point: CutId;
  /** The epoch this activation carries; for test failovers the present one. */
  readonly epoch: number;
  /** Source network or bridge → target's. Adapters not named keep theirs. */
  readonly networks: Readonly<Record<string, string>>;
  /** Every adapter hangs on this network or bridge of the target's, whatever `networks` says: for a test that is not isolated. `NETWORK_NOT_FOUND` where it is not there. */
  readonly onlyNetwork?: string;
  /** Connect no adapter's cable to anything: a private bridge made for the test and removed after it. */
  readonly isolated: boolean;
  /** The machine's name at the target (a test's ends in `-Test`). */
  readonly machineName: string;
  /** Item, for tracking from the first write on (planned and unplanned): record "changes since `point`". */
  readonly item: ItemName;
}

/** The activated machine. */
export interface Activation {
  readonly failover: FailoverId;
  readonly machine: MachineId;
  readonly machineName: string;
  readonly point: CutId;
  /** What is not as it was, though the machine runs: sentences for the operator. */
  readonly warnings?: readonly string[];
}

/** What reading a point again has shown. */
export interface Verification {
  /** Blocks compared with the digest they came with. */
  readonly blocks: number;
  readonly mismatched: number;
  /** Blocks that have no digest: of a disk that was there before it became a replica and has not been resynchronized since. */
  readonly unverified?: number;
  /** Where the mismatched ones are; the first hundred runs. For a carried file that is not what it was, `disk` is its role. */
  readonly damaged?: readonly { readonly disk: DiskId; readonly offset: number; readonly length: number }[];
}

/** A fabric replicas are kept on. */
export interface RecoveryTarget {
  checks(spec: ReplicaSpec, op: Operation): Promise<readonly Check[]>;
  /** Idempotent by replica id; an older epoch is refused, and with `REPLICA_BUSY` what is another item's, or another machine's, or without `adopt` what its machine was failed over to. `MACHINE_NOT_FOUND`: the one to adopt is not there. */
  createReplica(spec: ReplicaSpec, op: Operation): Promise<void>;
  /** Opens it for receiving. `STALE_EPOCH` for an epoch older than the newest seen, or when it has been activated under a newer one. */
  open(
    request: { readonly replica: ReplicaId; readonly epoch: number; readonly peerSite: string },
    signal: AbortSignal,
  ): Promise<Replica>;
  /** From the manifests beside the replica alone: newest last. One that is damaged is warned of and left out; to fail over to it is refused. */
  points(replica: ReplicaId, op: Operation): Promise<readonly RecoveryPoint[]>;
  /** Reads a point again and compares its digests. */
  verify(request: { readonly replica: ReplicaId; readonly point: CutId }, op: Operation): Promise<Verification>;
  /**
   * Boots a machine from a point on a layer of its own. Planned and unplanned: refuses senders with an older epoch from here on, and tracks changes from the first write.
   * An epoch that is not above the newest seen (for a test: that is older) is refused with `STALE_EPOCH`. A test leaves the replica receiving. Called again with the same failover id it answers the same activation.
   */
  failOver(request: FailoverRequest, op: Operation): Promise<Activation>;
  /** Final: every other point goes; `changePoint` is refused from here on. */
  commit(request: { readonly replica: ReplicaId; readonly failover: FailoverId }, op: Operation): Promise<void>;
  /** Stops the uncommitted machine, throws its layer away and boots from another point. What cannot succeed is refused while it still runs; `STALE_EPOCH` for an older epoch. */
  changePoint(request: FailoverRequest, op: Operation): Promise<Activation>;
  /** Undoes an uncommitted failover, or cleans a test up: the machine and its layer are gone, the replica receives again under `epoch`. `STALE_EPOCH` for an older one. */
  discard(
    request: { readonly replica: ReplicaId; readonly failover: FailoverId; readonly epoch: number },
    op: Operation,
  ): Promise<void>;
  /** Deletes the replica. A committed machine that runs on it is left running, with disks of its own. */
  deleteReplica(replica: ReplicaId, op: Operation): Promise<void>;
}
