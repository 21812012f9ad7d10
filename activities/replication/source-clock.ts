import type { ReplicaState } from "#transfer/replica.ts";
import type { Clock } from "./clock.ts";

/** What the clock at the source's host shows, as far as it can be told: the worker's own may be an hour away from it. */
export interface SourceClock {
  /** A cut was taken just now, at this instant of the host's clock. */
  heard(takenAt: string): void;
  /** Milliseconds since 1970 by the host's clock. Before the first cut it is the last instant that the replica knows of, never later than it really is. */
  now(state: Pick<ReplicaState, "lastKeptAt" | "lastAppConsistentAt">): number | undefined;
}

/** Goes on from the host's last instant by the time that passed at the worker. */
export function createSourceClock(clock: Clock): SourceClock {
  let ahead: number | undefined;
  return {
    heard(takenAt) {
      ahead = Date.parse(takenAt) - clock.now();
    },
    now({ lastKeptAt, lastAppConsistentAt }) {
      if (ahead !== undefined) return clock.now() + ahead;
      const known = [lastKeptAt, lastAppConsistentAt].flatMap((at) => (at === undefined ? [] : [Date.parse(at)]));
      return known.length === 0 ? undefined : Math.max(...known);
    },
  };
}
