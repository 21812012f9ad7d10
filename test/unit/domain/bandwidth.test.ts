import { expect, test } from "vitest";
import { bytesPerSecondAt } from "#domain/bandwidth.ts";

const working = { days: ["mon", "tue", "wed", "thu", "fri"] as const, from: "08:00", to: "18:00", bytesPerSecond: 1e6 };
const nights = { days: ["fri"] as const, from: "22:00", to: "06:00", bytesPerSecond: 2e6 };
const at = (iso: string, timeZone = "UTC", bytesPerSecond?: number): number | undefined =>
  bytesPerSecondAt(
    { bandwidthWindows: [working, nights], timeZone, ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }) },
    Date.parse(iso),
  );

// 2026-11-20 is a Friday.
test.each([
  ["2026-11-20T07:59:59Z", undefined],
  ["2026-11-20T08:00:00Z", 1e6],
  ["2026-11-20T17:59:59Z", 1e6],
  ["2026-11-20T18:00:00Z", undefined],
  ["2026-11-20T23:00:00Z", 2e6],
  ["2026-11-21T05:59:00Z", 2e6],
  ["2026-11-21T06:00:00Z", undefined],
  ["2026-11-20T05:00:00Z", undefined],
  ["2026-11-21T12:00:00Z", undefined],
])("at %s the limit is %s", (iso, limit) => {
  expect(at(iso)).toBe(limit);
});

test("windows follow the wall clock of the policy's zone, also over a change to summer time", () => {
  expect(at("2026-11-20T07:30:00Z", "Europe/Paris")).toBe(1e6);
  expect(at("2026-07-17T06:30:00Z", "Europe/Paris")).toBe(1e6);
  expect(at("2026-07-17T16:30:00Z", "Europe/Paris")).toBeUndefined();
});

test("outside every window the policy's own limit holds", () => {
  expect(at("2026-11-22T12:00:00Z", "UTC", 5e6)).toBe(5e6);
});

test("of windows that overlap the lowest counts", () => {
  const lower = { ...working, bytesPerSecond: 3e5 };
  expect(
    bytesPerSecondAt({ bandwidthWindows: [working, lower], timeZone: "UTC" }, Date.parse("2026-11-20T09:00:00Z")),
  ).toBe(3e5);
});

test("a window to 24:00 ends with its day", () => {
  const whole = { days: ["sat"] as const, from: "00:00", to: "24:00", bytesPerSecond: 7e5 };
  const limit = (iso: string): number | undefined =>
    bytesPerSecondAt({ bandwidthWindows: [whole], timeZone: "UTC" }, Date.parse(iso));
  expect([limit("2026-11-20T23:59:00Z"), limit("2026-11-21T23:59:00Z"), limit("2026-11-22T00:00:00Z")]).toEqual([
    undefined,
    7e5,
    undefined,
  ]);
});
