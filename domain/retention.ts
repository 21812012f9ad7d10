import type { RecoveryPoint } from "#domain/cut.ts";
import type { CutId } from "#domain/ids.ts";

const hour = 3_600_000;
const day = 24 * hour;
/** All points younger than this stay. */
const denseMs = 2 * hour;

/** How wide a bucket is that keeps one point, at an age beyond the dense part. (Azure Site Recovery's pruning.) */
const bucketMs = (ageMs: number, retentionMs: number): number => {
  if (retentionMs <= day) return hour;
  return ageMs <= 7 * day ? 2 * hour : 4 * hour;
};

/** How many points a chain bears. */
export interface ChainLimit {
  readonly points: number;
  /** Whether a point's going would make no room, such as under a machine that runs: it takes its place among them as long as it is here, listed or not. */
  readonly isFixed: (point: { readonly id: CutId }) => boolean;
}

/** What the rule looks at. */
export type ThinnedPoint = Pick<RecoveryPoint, "id" | "takenAt" | "consistency">;

/**
 * Which kept points go now. `points`: the kept ones, newest last. Called when a new point has been sealed.
 *
 * All points of the last 2 hours stay; then, by the retention, one an hour (up to 1 day), or one per 2 hours for 7 days and one per 4 hours beyond; in each bucket
 * an application-consistent one before a crash-consistent one, then the oldest. Old points stay until new ones replace them: ages are measured from the newest
 * point, and each call lets at most one expired point go, so that after a long pause a single new point does not take all good old ones with it.
 * Above the limit (longer chains are slow) those that lie closest together for their age go first, of which the room is to be had. The newest never goes.
 */
export const thin = <Point extends ThinnedPoint>(
  points: readonly Point[],
  nowMs: number,
  retentionSeconds: number,
  { points: maxPoints, isFixed }: ChainLimit = { points: 48, isFixed: () => false },
): readonly Point[] => {
  const newest = points.at(-1);
  if (newest === undefined) return [];
  // A clock that was once ahead must not make every other point look expired.
  const reference = Math.min(nowMs, Date.parse(newest.takenAt));
  const age = (point: Point): number => Math.max(0, reference - Date.parse(point.takenAt));
  const retentionMs = retentionSeconds * 1000;
  const going = new Set<Point>();

  const expired = points.find((point) => point !== newest && age(point) > Math.max(retentionMs, denseMs));
  if (expired !== undefined) going.add(expired);

  const buckets = new Map<string, Point>();
  for (const point of points) {
    if (point === newest || age(point) <= denseMs || age(point) > Math.max(retentionMs, denseMs)) continue;
    const width = bucketMs(age(point), retentionMs);
    const bucket = `${String(width)}:${String(Math.floor(Date.parse(point.takenAt) / width))}`;
    const keeper = buckets.get(bucket);
    if (keeper === undefined) {
      buckets.set(bucket, point);
    } else if (keeper.consistency === "crash-consistent" && point.consistency === "app-consistent") {
      going.add(keeper);
      buckets.set(bucket, point);
    } else {
      going.add(point);
    }
  }

  const staying = points.filter((point) => !going.has(point));
  const room = maxPoints - [...going].filter(isFixed).length;
  while (staying.length > Math.max(1, room)) {
    const chosen = mostCrowded(staying, { age, isFixed });
    const [crowded] = chosen === undefined ? [] : staying.splice(chosen, 1);
    if (crowded === undefined) break;
    going.add(crowded);
  }
  return points.filter((point) => going.has(point));
};

/** The index of the point whose going leaves the smallest hole for its age. The oldest is chosen only where there is nothing between; the newest and those that make no room never. */
const mostCrowded = <Point>(
  points: readonly Point[],
  { age, isFixed }: { readonly age: (point: Point) => number; readonly isFixed: (point: Point) => boolean },
): number | undefined => {
  const [oldest] = points;
  let chosen = oldest === undefined || points.length < 2 || isFixed(oldest) ? undefined : 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, point] of points.entries()) {
    const older = points[index - 1];
    const newer = points[index + 1];
    if (older === undefined || newer === undefined || isFixed(point)) continue;
    const hole = Math.max(0, age(older) - age(newer)) / Math.max(1, age(point));
    if (hole < least) {
      least = hole;
      chosen = index;
    }
  }
  return chosen;
};
