import type { Instant } from "./ids.ts";

/** A point as it is told of: when it was taken, by its source's clock, and sealed, by its replica's. */
export interface PointTimes {
  readonly takenAt: Instant;
  readonly sealedAt?: Instant;
}

/**
 * Whether what is heard of is older news than what is known: by the clocks of both sites, as either may have been set back since. Where they disagree it is news:
 * the next report, seconds later, puts it right. Where only one is known of both points, by that.
 */
export const isOlder = (heard: PointTimes, known: PointTimes | undefined): boolean =>
  known !== undefined &&
  heard.takenAt < known.takenAt &&
  (heard.sealedAt === undefined || known.sealedAt === undefined || heard.sealedAt < known.sealedAt);
