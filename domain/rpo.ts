import type { Instant } from "#domain/ids.ts";

/**
 * The age, in seconds, of what a failover would bring back now: since the newest sealed cut was taken. Not below 0 where the clocks of the two sites differ.
 */
export const rpoSeconds = (newestTakenAt: Instant, nowMs: number): number =>
  Math.max(0, Math.round((nowMs - Date.parse(newestTakenAt)) / 1000));
