/** A record that the guest reported durable, and when that was seen outside of it. ms since 1970. */
export interface SeenRecord {
  readonly seq: number;
  readonly at: number;
}
/** A point: the instant it holds, and from when on a failover could take it. ms since 1970. */
export interface UsablePoint {
  readonly takenAt: number;
  readonly usableAt: number;
}

/**
 * The newest record that a cut is known to contain: acknowledged before the cut was taken, so that it was on the disk then. A point may contain a few more, never less.
 * `records` in the order of their times.
 */
export const recordIn = (records: readonly SeenRecord[], takenAt: number): SeenRecord | undefined =>
  records.findLast(({ at }) => at <= takenAt);

/**
 * The RPO of a failover at that moment: the age of the newest acknowledged record that it would bring back, in ms. Undefined before there was any.
 */
export const exposureAt = (
  seen: { readonly records: readonly SeenRecord[]; readonly points: readonly UsablePoint[] },
  now: number,
): number | undefined => {
  const newest = seen.points.findLast(({ usableAt }) => usableAt <= now);
  const record = newest === undefined ? undefined : recordIn(seen.records, newest.takenAt);
  return record === undefined ? undefined : now - record.at;
};

/** The value below which that part (0 to 1) of the values lie. Throws for none. */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("There is no quantile of nothing.");
  return value;
};
