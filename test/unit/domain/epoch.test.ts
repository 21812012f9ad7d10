import { expect, test } from "vitest";
import { firstEpoch, nextEpoch } from "#domain/epoch.ts";

test("each activation carries a higher epoch than the one before, and the first a higher one than an unprotected item's", () => {
  expect(firstEpoch).toBeGreaterThan(0);
  expect(nextEpoch(firstEpoch)).toBeGreaterThan(firstEpoch);
});
