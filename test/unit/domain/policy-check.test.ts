import fc from "fast-check";
import { expect, test } from "vitest";
import { checkPolicy, inUnits } from "#domain/policy-check.ts";
import { defaultPolicy, type ReplicationPolicy } from "#domain/policy.ts";

const messages = (changes: Partial<ReplicationPolicy>): readonly string[] =>
  checkPolicy({ ...defaultPolicy, ...changes }).map(({ message }) => message);

test("the default policy can be met", () => {
  expect(messages({})).toEqual([]);
});

test.each([
  [{ retentionSeconds: 16 * 86_400 }, "The retention must be 0s to 15d; 16d is asked for."],
  [
    { appConsistentEverySeconds: 3600, retentionSeconds: 3600 },
    "Application-consistent points every 1h must come more often than the retention of 1h.",
  ],
  [
    { crashConsistentEverySeconds: 30, intervalSeconds: 60 },
    "A crash-consistent point every 30s cannot be kept when a delta is cut only every 1m: shorten the interval or keep points less often.",
  ],
  [
    { crashConsistentEverySeconds: 7200, retentionSeconds: 3600 },
    "With a crash-consistent point every 2h and a retention of 1h each point would be gone before the next one comes.",
  ],
  [{ rpoThresholdSeconds: 5 }, "An RPO threshold of 5s would always be exceeded by an interval of 5s."],
  [{ scratchPercent: 0 }, "The scratch space must be 1% to 100% of the disk; it is 0%."],
  [{ timeZone: "Mars/Olympus" }, "Mars/Olympus is no time zone; write one like UTC or Europe/Paris."],
  [{ bytesPerSecond: 100 }, "A bandwidth limit must be at least 64KiB/s; 100 bytes a second would never finish."],
  [{ intervalSeconds: -1 }, "The interval between deltas must be 0s to 15m; it is -1s."],
])("%j is refused: %s", (changes, message) => {
  expect(messages(changes)).toEqual([message]);
});

test("a bandwidth window is refused by its place, with everything that is wrong with it", () => {
  const window = { days: [], from: "8:00", to: "25:00", bytesPerSecond: 1 };
  expect(checkPolicy({ ...defaultPolicy, bandwidthWindows: [window] }).map(({ field }) => field)).toEqual([
    "bandwidthWindows[0].days",
    "bandwidthWindows[0].from",
    "bandwidthWindows[0].to",
    "bandwidthWindows[0].bytesPerSecond",
  ]);
  const empty = { days: ["mon" as const], from: "08:00", to: "08:00", bytesPerSecond: 1e6 };
  expect(messages({ bandwidthWindows: [empty] })).toEqual([
    "A window from 08:00 to 08:00 is empty; a whole day is 00:00 to 24:00.",
  ]);
});

test("all violations are reported at once", () => {
  expect(messages({ retentionSeconds: 16 * 86_400, scratchPercent: 101, timeZone: "?" })).toHaveLength(3);
});

test("whatever is accepted holds what the refusals promise", () => {
  const seconds = fc.integer({ min: -10, max: 20 * 86_400 });
  fc.assert(
    fc.property(seconds, seconds, seconds, seconds, (interval, crash, app, retention) => {
      const policy = {
        ...defaultPolicy,
        rpoThresholdSeconds: 86_400,
        intervalSeconds: interval,
        crashConsistentEverySeconds: crash,
        appConsistentEverySeconds: app,
        retentionSeconds: retention,
      };
      if (checkPolicy(policy).length > 0) return;
      expect(crash).toBeGreaterThanOrEqual(interval);
      expect(retention).toBeLessThanOrEqual(15 * 86_400);
      if (app !== 0) expect(app).toBeLessThan(retention);
    }),
  );
});

test("durations are written in the largest unit that divides them", () => {
  expect([0, 45, 60, 90, 3600, 86_400, 90_000].map(inUnits)).toEqual(["0s", "45s", "1m", "90s", "1h", "1d", "25h"]);
});
