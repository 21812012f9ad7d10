import type { InventoryActivities } from "#activities/inventory.ts";
import type { ReplicationActivities } from "#activities/replication.ts";
import type { SourceActivities } from "#activities/source.ts";
import type { TargetActivities } from "#activities/target.ts";
import type { ReplicaId } from "#domain/ids.ts";
import type { HostStarts } from "#test/support/host-starts.ts";
import type { Trouble } from "#test/support/trouble.ts";

/** The activities of one site's worker. */
export type SiteDouble = InventoryActivities & ReplicationActivities & SourceActivities & TargetActivities;
export type ActivityName = keyof SiteDouble;

/**
 * Two sites in memory that keep the contract's promises as far as workflows can see them: epochs are compared, replicas have points, a machine runs or not,
 * the same failover is the same machine. Every call is written down.
 */
export interface TwoSites {
  readonly calls: readonly {
    readonly site: string;
    readonly activity: ActivityName;
    readonly machine: string | undefined;
    readonly request: unknown;
  }[];
  activities(site: string): SiteDouble;
  trouble(entry: Trouble): void;
  /** Changes that the sources' tracking cannot prove any more. */
  loseTracking(machine: string): void;
  /** Somebody at that site turns the machine on, past all of us. */
  startByHand(site: string, machine: string): void;
  /** The guest shuts down: because somebody in it wants that, or late. */
  shutsDown(site: string, machine: string): void;
  /** Whether a fence stands at that site. */
  isFenced(site: string, machine: string): boolean;
  /** Which machines (by id) the host at that site starts by itself. */
  startsOf(site: string): HostStarts;
  /** The host at that site restarts: what ran there is off, and what it starts by itself runs. */
  restartHost(site: string): void;
  /** A machine of that name runs at that site from here on, beside the one at the other. */
  placeMachine(site: string, machine: string): void;
  /** That machine is not there any more: the site was built anew, or somebody has undefined it. */
  removeMachine(site: string, machine: string): void;
  /** Where that machine, or its test machine, runs now: `paris/app1`. */
  running(machine: string): readonly string[];
  /** The replicas there are of that item. */
  replicas(item: string): readonly {
    readonly site: string;
    readonly id: ReplicaId;
    readonly points: number;
    readonly epoch: number;
  }[];
  /** Whether a site has been asked for that, of that machine. */
  called(activity: string, machine: string): boolean;
  /** How many bytes replication has sent of that machine, by mode. */
  sent(machine: string): Readonly<Record<"seed" | "run" | "final" | "resynchronize", number>>;
}
