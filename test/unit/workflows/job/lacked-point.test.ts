import { expect, test } from "vitest";
import type { ListedPoint } from "#domain/cut.ts";
import { cutId, instant, itemName } from "#domain/ids.ts";
import { lackedPoint } from "#workflows/job/target-point.ts";

const pointAt = (seconds: number, sealedSeconds = seconds + 1): ListedPoint => ({
  id: cutId(`cut-${seconds}`),
  item: itemName("app1"),
  epoch: 1,
  takenAt: instant(seconds * 1_000),
  sealedAt: instant(sealedSeconds * 1_000),
  consistency: "crash-consistent",
  disks: [],
  kept: false,
  deltaBytes: 0,
});
const known = (seconds: number) => {
  const { id, takenAt, sealedAt } = pointAt(seconds);
  return { cut: id, takenAt, sealedAt };
};

test("a newest point that was sealed and is not listed is lacking", () => {
  expect(lackedPoint([pointAt(10), pointAt(20)], known(30))).toEqual(known(30));
});

test("none is lacking where the newest is listed, or a newer one, or nothing is known", () => {
  expect(lackedPoint([pointAt(10), pointAt(30)], known(30))).toBeUndefined();
  expect(lackedPoint([pointAt(40)], known(30))).toBeUndefined();
  expect(lackedPoint([pointAt(10)], null)).toBeUndefined();
});

test("a source's clock that was set back makes none lacking: the newest was sealed later", () => {
  expect(lackedPoint([pointAt(10, 50)], known(30))).toBeUndefined();
});
