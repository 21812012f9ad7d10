import { expect, test } from "vitest";
import { inBytes, inProgress, inSeconds, median } from "#lab/demo/figures.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [65_536, "65.5 kB"],
  [1_500_000, "1.5 MB"],
  [2_147_483_648, "2.1 GB"],
])("%d bytes read %s", (bytes, text) => {
  expect(inBytes(bytes)).toBe(text);
});

test("progress is told with both amounts and its percentage", () => {
  expect(inProgress(101_200_000, 1_073_741_824)).toBe("101.2 MB of 1.1 GB (9%)");
  expect(inProgress(0, 0)).toBe("0 B of 0 B (100%)");
});

test("durations are told in tenths of a second", () => {
  expect(inSeconds(4321)).toBe("4.3 s");
});

test("the median is a value that was measured", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2);
  expect(() => median([])).toThrow(RangeError);
});
