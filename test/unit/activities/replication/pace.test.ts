import { expect, test } from "vitest";
import { appConsistentDue, keeps } from "#activities/replication/keeping.ts";
import { newCutId } from "#activities/replication/new-cut-id.ts";
import { pauseMs } from "#activities/replication/pace.ts";
import { cutId, instant, itemName } from "#domain/ids.ts";
import { policy } from "#test/support/replication.ts";

test("The pause counts from cut to cut, and never vanishes", () => {
  const cycle = { cutAtMs: 1_000_000, nowMs: 1_004_000, idle: false };
  expect(pauseMs({ intervalSeconds: 30 }, cycle)).toBe(26_000);
  expect(pauseMs({ intervalSeconds: 3 }, cycle)).toBe(50);
  expect(pauseMs({ intervalSeconds: 0 }, cycle)).toBe(50);
  expect(pauseMs({ intervalSeconds: 0 }, { ...cycle, idle: true })).toBe(1_000);
});

test("A point is kept when the last kept one is old enough, by the source's clock, and when it is application-consistent", () => {
  const cut = (seconds: number, consistency: "crash-consistent" | "app-consistent" = "crash-consistent") => ({
    id: cutId("c"),
    item: itemName("app1"),
    epoch: 1,
    takenAt: instant(seconds * 1000),
    consistency,
    disks: [],
    definition: "",
  });
  const kept = { lastKeptAt: instant(1_000_000) };
  expect(keeps(policy(), {}, cut(0))).toBe(true);
  expect(keeps(policy(), kept, cut(1299))).toBe(false);
  expect(keeps(policy(), kept, cut(1300))).toBe(true);
  expect(keeps(policy(), kept, cut(1001, "app-consistent"))).toBe(true);
  // The clock was set back: not until it has come that far again, but now.
  expect(keeps(policy(), kept, cut(900))).toBe(true);
  expect(keeps(policy(), { lastKeptAt: instant(900_000) }, cut(901))).toBe(false);
});

test("An application-consistent point is due by its own interval, and never when it is switched off", () => {
  const hourly = policy({ appConsistentEverySeconds: 3600 });
  expect(appConsistentDue(policy(), {}, 0)).toBe(false);
  expect(appConsistentDue(hourly, {}, 0)).toBe(true);
  expect(appConsistentDue(hourly, { lastAppConsistentAt: instant(0) }, 3_599_999)).toBe(false);
  expect(appConsistentDue(hourly, { lastAppConsistentAt: instant(0) }, 3_600_000)).toBe(true);
});

test("Cut ids sort by time and differ within one millisecond", () => {
  const ids = [1, 2, 1_700_000_000_000, 1_700_000_000_001, 4_000_000_000_000].map(newCutId);
  expect(ids.toSorted()).toEqual(ids);
  expect(newCutId(5)).not.toBe(newCutId(5));
});
