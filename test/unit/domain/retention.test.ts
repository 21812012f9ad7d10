import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutId, instant } from "#domain/ids.ts";
import { thin, type ThinnedPoint } from "#domain/retention.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const now = Date.parse("2026-11-20T12:00:00.000Z");
const point = (agoMs: number, consistency: ThinnedPoint["consistency"] = "crash-consistent"): ThinnedPoint => ({
  id: cutId(`c${String(agoMs)}`),
  takenAt: instant(now - agoMs),
  consistency,
});
const every = (stepMs: number, forMs: number): readonly ThinnedPoint[] =>
  Array.from({ length: Math.floor(forMs / stepMs) + 1 }, (_, index) => point(index * stepMs)).toReversed();
/** As the replica does it: a point comes, those that must go are gone. */
const live = (stepMs: number, forMs: number, retentionSeconds: number, maxPoints = 48): readonly ThinnedPoint[] => {
  let points: readonly ThinnedPoint[] = [];
  for (const fresh of every(stepMs, forMs)) {
    const all = [...points, fresh];
    const going = thin(all, Date.parse(fresh.takenAt), retentionSeconds, { points: maxPoints, isFixed: () => false });
    points = all.filter((kept) => !going.includes(kept));
  }
  return points;
};
const ages = (points: readonly ThinnedPoint[]): readonly number[] =>
  points.map((kept) => now - Date.parse(kept.takenAt));

describe("thinning by Azure Site Recovery's rule", () => {
  test("keeps every point of the last 2 hours and one an hour for a day", () => {
    const kept = ages(live(5 * minute, 3 * day, 86_400));
    expect(kept.filter((age) => age <= 2 * hour)).toHaveLength(25);
    const older = kept.filter((age) => age > 2 * hour);
    expect(older).toHaveLength(22);
    expect(Math.max(...older)).toBeLessThanOrEqual(day);
  });

  test("keeps one per 2 hours for 7 days and then one per 4 hours, where the chain may be that long", () => {
    const kept = ages(live(30 * minute, 20 * day, 15 * 86_400, 1000));
    const week = kept.filter((age) => age > 3 * hour && age <= 7 * day).toReversed();
    const rest = kept.filter((age) => age > 7 * day + 4 * hour).toReversed();
    expect(week.length).toBeGreaterThanOrEqual(81);
    expect(week.length).toBeLessThanOrEqual(84);
    expect(rest.every((age, index) => index === 0 || age - (rest[index - 1] ?? 0) === 4 * hour)).toBe(true);
    expect(Math.max(...kept)).toBeLessThanOrEqual(15 * day + 4 * hour);
  });

  test("keeps at most 48 and spreads them over the whole retention", () => {
    const kept = ages(live(5 * minute, 20 * day, 15 * 86_400));
    expect(kept).toHaveLength(48);
    expect(Math.max(...kept)).toBeGreaterThan(14 * day);
  });

  test("prefers an application-consistent point in its hour", () => {
    const quarter = 15 * minute;
    const points = [
      point(5 * hour),
      point(5 * hour - quarter, "app-consistent"),
      point(5 * hour - 2 * quarter),
      point(0),
    ];
    expect(thin(points, now, 86_400).map(({ id }) => id)).toEqual([points[0]?.id, points[2]?.id]);
  });

  test("lets only one old point go for a new one after a long pause", () => {
    const before = every(hour, day).map((old) => ({ ...old, takenAt: instant(Date.parse(old.takenAt) - 10 * day) }));
    expect(thin([...before, point(0)], now, 86_400)).toEqual([before[0]]);
  });

  test("is not fooled by a newest point whose clock was ahead", () => {
    const points = [point(3 * hour), point(0), point(-400 * day)];
    expect(thin(points, now, 86_400)).toEqual([]);
  });
});

describe("whatever the points are", () => {
  const anyPoints = fc
    .array(fc.integer({ min: 0, max: 30 * day }), { maxLength: 120 })
    .map((agos) =>
      [...new Set(agos)]
        .sort((left, right) => right - left)
        .map((ago) => point(ago, ago % 3 === 0 ? "app-consistent" : "crash-consistent")),
    );
  const seconds = fc.constantFrom(0, 3600, 86_400, 7 * 86_400, 15 * 86_400);

  test("the newest stays, those of the last 2 hours stay while there is room, and what goes was there", () => {
    fc.assert(
      fc.property(anyPoints, seconds, fc.integer({ min: 1, max: 60 }), (points, retentionSeconds, maxPoints) => {
        const going = thin(points, now, retentionSeconds, { points: maxPoints, isFixed: () => false });
        const staying = points.filter((kept) => !going.includes(kept));
        const newest = points.at(-1);
        if (newest !== undefined) expect(staying).toContain(newest);
        expect(going.every((gone) => points.includes(gone))).toBe(true);
        expect(staying.length).toBeLessThanOrEqual(maxPoints);
        const reference = newest === undefined ? now : Date.parse(newest.takenAt);
        const dense = points.filter((kept) => reference - Date.parse(kept.takenAt) <= 2 * hour);
        if (points.length <= maxPoints) expect(dense.every((kept) => staying.includes(kept))).toBe(true);
      }),
    );
  });

  test("applied again it ends, leaving nothing to go", () => {
    fc.assert(
      fc.property(anyPoints, seconds, (points, retentionSeconds) => {
        let rest: readonly ThinnedPoint[] = points;
        for (let round = 0; round <= points.length; round += 1) {
          const going = thin(rest, now, retentionSeconds);
          rest = rest.filter((kept) => !going.includes(kept));
        }
        expect(thin(rest, now, retentionSeconds)).toEqual([]);
      }),
    );
  });
});
