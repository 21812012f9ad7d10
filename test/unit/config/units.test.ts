import { expect, test } from "vitest";
import { readDuration, readPercent, readRate } from "#config/units.ts";

test.each([
  ["5s", 5],
  ["60m", 3600],
  ["1h", 3600],
  ["15d", 1_296_000],
  ["5", undefined],
  ["-5s", undefined],
  ["1.5h", undefined],
  ["5 weeks", undefined],
])("the duration %s is %s seconds", (text, seconds) => {
  expect(readDuration(text)).toBe(seconds);
});

test.each([
  ["50Mbit/s", 6_250_000],
  ["10MB/s", 10_000_000],
  ["10MiB/s", 10_485_760],
  ["2.5Gbit/s", 312_500_000],
  ["800kbit/s", 100_000],
  ["50Mb/s", undefined],
  ["50", undefined],
  ["fast", undefined],
])("the rate %s is %s bytes a second", (text, bytes) => {
  expect(readRate(text)).toBe(bytes);
});

test.each([
  ["10%", 10],
  ["10", undefined],
  ["ten%", undefined],
])("the percentage %s is %s", (text, percent) => {
  expect(readPercent(text)).toBe(percent);
});
