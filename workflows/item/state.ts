import type { ItemConfiguration, NetworkMapping } from "#domain/configuration.ts";
import type {
  CutId,
  DiskId,
  FailoverId,
  HostName,
  Instant,
  ItemName,
  MachineId,
  ReplicaId,
  SiteName,
} from "#domain/ids.ts";
import type { HealthError, ItemView } from "#domain/item-view.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { Lifecycle } from "#domain/lifecycle.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import type { OperationName } from "#domain/operations.ts";

export type SideName = "primary" | "secondary";

/** One of the two places of an item. */
export interface Side {
  readonly site: SiteName;
  readonly host: HostName;
  /** Where the other site's worker reaches this site's replica stream. */
  readonly stream: { readonly address: string; readonly port: number };
  /** The machine here: the original at the primary, the one a failover made at the secondary. */
  readonly machine: { readonly id: MachineId; readonly name: string } | null;
  /** The copy kept here. */
  readonly replica: ReplicaId | null;
  /** Copies that were here before: disks of the machine, or of the present copy, may still lie in them. They are deleted when protection is disabled. */
  readonly retired: readonly ReplicaId[];
}

/** A failover from the moment before its target is asked until replication is reversed, or the failover is undone. */
export interface PendingFailover {
  readonly id: FailoverId;
  readonly kind: "planned" | "unplanned";
  /** The point it runs from; another one after `ChangePit`. */
  readonly point: { readonly id: CutId; readonly takenAt: Instant };
  /** A point that it was to run from instead: whether it does is not known before a change succeeds, or the target is asked. */
  readonly changingTo?: { readonly id: CutId; readonly takenAt: Instant };
  /** The cut that the old primary's disks are exactly equal to: known after a planned failover only, as long as nobody started it again. */
  readonly sourceContent: CutId | null;
}

export interface TestMachine {
  readonly failover: FailoverId;
  readonly machineName: string;
}

/** The job that holds the item. */
export interface ActiveJob {
  readonly id: string;
  readonly runId: string;
  readonly operation: OperationName;
  readonly since: Instant;
  /** It has been told that it may begin. */
  readonly granted: boolean;
  /** The task it last said it began. */
  readonly task: string | null;
  /** The machine the job turned off, or found off (`wasOff`), and must bring back to where it was when it does not get to its end. */
  readonly turnedOff: TurnedOff | null;
}

export interface TurnedOff {
  readonly side: SideName;
  readonly machine: MachineId;
  /** Nobody had turned it off: it is not turned on either, but may be fenced. */
  readonly wasOff?: true;
}

/** A machine that was asked to shut down for a failover that did not come about, and may do so yet: until then it is started again. */
export interface KeptOn {
  readonly side: SideName;
  readonly machine: MachineId;
  readonly until: Instant;
}

/** A machine whose start with its host Understudy has taken over (`autostart: understudy`), and has to give back. */
export interface HeldAutostart {
  readonly site: SiteName;
  readonly host: HostName;
  readonly machine: MachineId;
}

/** An old primary that must not serve again, at a site that may be dead now. It names the place itself: the item's sides may be others by the time it is reached. */
export interface PendingFence {
  readonly site: SiteName;
  readonly host: HostName;
  readonly machine: MachineId;
  readonly epoch: number;
  /** Since when it must not serve. Absent in those that were written down before there was such. */
  readonly since?: Instant;
  /** It was not there when it was to be fenced. */
  readonly absent?: true;
}

/**
 * All that an item's workflow knows: plain JSON, so that it survives continue-as-new. `null` says "none": an absent key would be lost in a patch.
 * Where the item is in its life stands in `lifecycle` alone (`domain/lifecycle.ts` changes it).
 */
export interface ItemState {
  readonly version: 1;
  readonly item: ItemName;
  readonly lifecycle: Lifecycle;
  readonly configuration: ItemConfiguration;
  readonly policy: ReplicationPolicy;
  readonly networkMappings: readonly NetworkMapping[];
  /** When its protection was enabled. Absent in items for which that was before there was such. */
  readonly protectedSince?: Instant;
  readonly sides: Readonly<Record<SideName, Side>>;
  /** The disks that are replicated: the machine's without the excluded ones. */
  readonly disks: readonly DiskId[];
  /** Rises with every activation. Recorded here before the target is asked. */
  readonly epoch: number;
  readonly failover: PendingFailover | null;
  readonly testMachine: TestMachine | null;
  readonly lastSuccessfulTestFailover: Instant | null;
  readonly fence: PendingFence | null;
  /** Those that earlier protections have left to be done, between other places: the item's own jobs have nothing to do with them. Absent in items that began before there was such. */
  readonly earlierFences?: readonly PendingFence[];
  /** An old primary that is fenced, also after a planned failover: somebody may start it by hand, until it has become the replica. */
  readonly guarded: PendingFence | null;
  /** Absent in items that began before there was such. */
  readonly keptOn?: KeptOn | null;
  /** Known before it is taken over; a machine that has moved away from its host is not among them. Absent in items that began before there was such. */
  readonly held?: readonly HeldAutostart[];
  readonly activeJob: ActiveJob | null;
  /** Jobs that have let go of the item and wait until its replication has come to `protected`. */
  readonly waiting: readonly string[];
  /** What is wrong; each cause once. */
  readonly health: readonly HealthError[];
  /** Since when, and how often in a row, replication failed; `code`: of what its health says of that. */
  readonly failing: { readonly since: Instant; readonly attempts: number; readonly code?: FaultCode } | null;
  /** Not recoverable: replication waits for a person's next order. */
  readonly stuck: boolean;
  /** Tracking was lost: a resynchronization is started without being asked for. */
  readonly resynchronizeByItself: boolean;
  /** The initial replication is done; what comes after it is not. */
  readonly finalizing: boolean;
  readonly lastSealed: NonNullable<ItemView["lastSealed"]> | null;
  readonly lastCycle: NonNullable<ItemView["lastCycle"]> | null;
  readonly bytesSent: number;
}

/** What a job may change. The state itself follows from the lifecycle's table. */
export type ItemPatch = Partial<
  Pick<
    ItemState,
    | "configuration"
    | "policy"
    | "networkMappings"
    | "protectedSince"
    | "sides"
    | "disks"
    | "epoch"
    | "failover"
    | "testMachine"
    | "lastSuccessfulTestFailover"
    | "fence"
    | "earlierFences"
    | "guarded"
    | "keptOn"
    | "lastSealed"
  >
>;
