import { describe, expect, test } from "vitest";
import type { RecoveryPoint } from "#domain/cut.ts";
import { cutId, instant, itemName } from "#domain/ids.ts";
import { choosePoint } from "#domain/points.ts";

const point = (id: string, second: number, more: Partial<RecoveryPoint> = {}): RecoveryPoint => ({
  id: cutId(id),
  item: itemName("app1"),
  epoch: 1,
  takenAt: instant(Date.UTC(2026, 10, 20, 12, 0, second)),
  sealedAt: instant(Date.UTC(2026, 10, 20, 12, 0, second + 1)),
  consistency: "crash-consistent",
  disks: [],
  definition: "",
  kept: true,
  deltaBytes: 0,
  ...more,
});
const points = [
  point("aaa1", 0, { consistency: "app-consistent" }),
  point("bbb2", 10),
  point("ccc3", 20, { kept: false }),
];

describe("choosing a recovery point", () => {
  test.each([
    ["latest", "ccc3"],
    ["latest-processed", "ccc3"],
    ["latest-crash-consistent", "bbb2"],
    ["latest-app-consistent", "aaa1"],
  ] as const)("%s means %s", (kind, id) => {
    expect(choosePoint(points, { kind }).id).toBe(id);
  });

  test("a custom one is found by its id, kept or not", () => {
    expect(choosePoint(points, { kind: "custom", pointId: cutId("ccc3") }).id).toBe("ccc3");
  });

  test("one that is gone is refused by a sentence that names the nearest and what there is", () => {
    expect(() => choosePoint(points.slice(0, 2), { kind: "custom", pointId: cutId("bbb1") })).toThrow(
      "There is no recovery point bbb1 (did you mean bbb2?): the retention may have removed it. There are: bbb2 (2026-11-20T12:00:10.000Z, crash-consistent), aaa1 (2026-11-20T12:00:00.000Z, app-consistent).",
    );
  });

  test("a consistency that no point has is refused", () => {
    expect(() => choosePoint(points.slice(1), { kind: "latest-app-consistent" })).toThrow(
      /^There is no application-consistent recovery point\. There are: ccc3/u,
    );
  });

  test("only the newest five are listed", () => {
    const many = Array.from({ length: 9 }, (_, index) => point(`p${String(index)}`, index));
    expect(() => choosePoint(many, { kind: "latest-app-consistent" })).toThrow(/ and 4 older\.$/u);
  });

  test("before the initial replication is done there is none", () => {
    expect(() => choosePoint([], { kind: "latest" })).toThrow("There is no recovery point yet");
  });
});
