/** A limit on the bandwidth of one item's replication, in force inside the window. Times are `HH:MM` in `timeZone`. */
export interface BandwidthWindow {
  readonly days: readonly ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
  readonly from: string;
  readonly to: string;
  readonly bytesPerSecond: number;
}

/** Defaults and limits follow Azure Site Recovery (`defaultPolicy`). Durations in seconds. */
export interface ReplicationPolicy {
  readonly name: string;
  /** Time from one delta's cut to the next; 0 means: the next begins when one ends. */
  readonly intervalSeconds: number;
  /** A crash-consistent point is kept this often. */
  readonly crashConsistentEverySeconds: number;
  /** 0: off. */
  readonly appConsistentEverySeconds: number;
  readonly retentionSeconds: number;
  /** Only raises an event. */
  readonly rpoThresholdSeconds: number;
  /** Applies outside every window; absent: unlimited. */
  readonly bytesPerSecond?: number;
  readonly bandwidthWindows: readonly BandwidthWindow[];
  readonly timeZone: string;
  /** Space the source host may use for writes held back during one cut, in percent of the disk. */
  readonly scratchPercent: number;
  readonly compression: "adaptive" | "off";
}

/** What a policy says nothing about. */
export const defaultPolicy: ReplicationPolicy = {
  name: "default",
  intervalSeconds: 5,
  crashConsistentEverySeconds: 300,
  appConsistentEverySeconds: 0,
  retentionSeconds: 86_400,
  rpoThresholdSeconds: 3600,
  bandwidthWindows: [],
  timeZone: "UTC",
  scratchPercent: 10,
  compression: "adaptive",
};
