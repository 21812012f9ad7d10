import { expect, test } from "vitest";
import { inBytes, inSeconds, median } from "#lab/demo/figures.ts";

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

test("durations are told in tenths of a second", () => {
  expect(inSeconds(4321)).toBe("4.3 s");
});

test("the median is a value that was measured", () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2);
  expect(() => median([])).toThrow(RangeError);
});
