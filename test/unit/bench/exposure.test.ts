import { expect, test } from "vitest";
import { exposureAt, quantile, recordIn } from "#bench/rpo/exposure.ts";

const records = [100, 200, 300, 400, 500].map((at, index) => ({ seq: index + 1, at }));

test("a cut holds the newest record acknowledged by its instant, never one after it", () => {
  expect(recordIn(records, 300)?.seq).toBe(3);
  expect(recordIn(records, 399)?.seq).toBe(3);
  expect(recordIn(records, 99)).toBeUndefined();
});

test("exposure is the age of what the newest usable point brings back", () => {
  const points = [
    { takenAt: 250, usableAt: 320 },
    { takenAt: 450, usableAt: 600 },
  ];
  // The second point is still on its way: a failover at 599 would bring back the record of 200.
  expect(exposureAt({ records, points }, 599)).toBe(399);
  expect(exposureAt({ records, points }, 600)).toBe(200);
  expect(exposureAt({ records, points }, 319)).toBeUndefined();
});

test("a quantile is one of the values, and there is none of nothing", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile(hundred, 1)]).toEqual([50, 99, 100]);
  expect(quantile([7], 0.99)).toBe(7);
  expect(() => quantile([], 0.5)).toThrow(RangeError);
});
