/** Where a protected item is in its life. One table (`lifecycle.ts`) says what may be asked in each and where it leads. */
export const protectionStates = [
  /** No replica. */
  "unprotected",
  /** Enable protection runs: prerequisites, relationship. */
  "enabling",
  "initial-replication",
  /** Replicates; fails over at any time. */
  "protected",
  "paused",
  /** The tracking cannot be proven; the last recovery point stays usable. */
  "resynchronization-required",
  "resynchronizing",
  "failing-over",
  /** Runs at the other site; the point can still be changed, the failover (planned) cancelled. */
  "commit-pending",
  /** Committed after an unplanned failover: not protected. */
  "failed-over",
  /** Committed after a planned failover: protected (changes are tracked, the old primary holds the last point), not yet replicating back. */
  "failed-over-protected",
  "reversing",
  "disabling",
] as const;
export type ProtectionState = (typeof protectionStates)[number];

/** Beside the state: a test machine may run while replication goes on. */
export type TestFailoverState = "none" | "starting" | "waiting-for-cleanup" | "cleaning-up";
