import { expect, test } from "vitest";
import type { ListedPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, instant, itemName } from "#domain/ids.ts";
import { withPoint } from "#workflows/job/with-point.ts";

const pointOf = (id: string): ListedPoint => ({
  id: cutId(id),
  item: itemName("app1"),
  epoch: 1,
  takenAt: instant(0),
  consistency: "crash-consistent",
  disks: [],
  sealedAt: instant(0),
  kept: false,
  deltaBytes: 0,
});

/** A replica in which only one point is left. */
const bootOnly = (there: string) => async (point: ListedPoint) => {
  if (point.id !== cutId(there)) throw new Fault("POINT_NOT_FOUND", `There is no ${point.id}.`);
  return `booted ${point.id}`;
};

test("the newest point that was merged away meanwhile is replaced by the one that took its place", async () => {
  const request = { chosen: pointOf("old"), chooseAgain: async () => pointOf("new") };
  expect(await withPoint(request, bootOnly("new"))).toEqual({ point: pointOf("new"), value: "booted new" });
});

test("a point that was asked for by its id is never replaced", async () => {
  await expect(withPoint({ chosen: pointOf("old") }, bootOnly("new"))).rejects.toMatchObject({
    code: "POINT_NOT_FOUND",
  });
});

test("another fault is not tried again", async () => {
  const request = { chosen: pointOf("old"), chooseAgain: async () => pointOf("new") };
  const full = async () => {
    throw new Fault("STORE_FULL", "The store is full.");
  };
  await expect(withPoint(request, full)).rejects.toMatchObject({ code: "STORE_FULL" });
});

test("a replica that keeps losing its points is given up", async () => {
  let asked = 0;
  const chooseAgain = async () => pointOf(`point${asked++}`);
  await expect(withPoint({ chosen: pointOf("old"), chooseAgain }, bootOnly("none"))).rejects.toMatchObject({
    code: "POINT_NOT_FOUND",
  });
  expect(asked).toBe(19);
});
