import { expect, test } from "vitest";
import { compareEpochs, firstEpoch, nextEpoch, refuseStale } from "#domain/epoch.ts";

test("each activation carries a higher epoch than the one before", () => {
  expect(compareEpochs(nextEpoch(firstEpoch), firstEpoch)).toBeGreaterThan(0);
});

test("an older epoch is refused by name, the newest seen and a newer one are not", () => {
  expect(() => {
    refuseStale("the replica app1", 3, 2);
  }).toThrow("The epoch 2 is older than 3, the newest that the replica app1 has seen");
  refuseStale("the replica app1", 3, 3);
  refuseStale("the replica app1", 3, 4);
});
