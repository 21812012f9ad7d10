import { expect, it } from "vitest";
import { instant } from "#domain/ids.ts";
import { isOlder } from "#domain/newer-point.ts";

const point = (takenAt: number, sealedAt?: number) => ({
  takenAt: instant(takenAt * 1_000),
  ...(sealedAt !== undefined && { sealedAt: instant(sealedAt * 1_000) }),
});

it.each([
  ["an earlier one", point(10, 11), point(20, 21), true],
  ["a later one", point(20, 21), point(10, 11), false],
  ["the same again", point(10, 11), point(10, 11), false],
  ["one that was taken after the source's clock was set back", point(10, 31), point(20, 21), false],
  ["one that was sealed after the replica's clock was set back", point(30, 11), point(20, 21), false],
  ["an earlier one whose sealing nobody told of", point(10), point(20, 21), true],
  ["a later one whose sealing nobody told of", point(30), point(20, 41), false],
])("of what is heard, %s is judged against what is known", (_what, heard, known, older) => {
  expect(isOlder(heard, known)).toBe(older);
});

it("nothing is older than nothing", () => {
  expect(isOlder(point(1), undefined)).toBe(false);
});
