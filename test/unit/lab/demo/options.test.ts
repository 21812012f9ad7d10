import { expect, test } from "vitest";
import { parseOptions } from "#lab/demo/options.ts";

test("plays on real hosts and cleans up unless told otherwise", () => {
  expect(parseOptions([])).toEqual({ light: false, keep: false, yes: false, down: false, help: false });
});

test("takes every documented option", () => {
  expect(parseOptions(["--light", "--keep", "--yes"])).toMatchObject({ light: true, keep: true, yes: true });
});

test("refuses what it does not know and shows what there is", () => {
  expect(() => parseOptions(["--lihgt"])).toThrow(/--lihgt[\s\S]*--light/);
});

test("does not obey --down alone where something else was asked for beside it", () => {
  expect(() => parseOptions(["--light", "--keep", "--down"])).toThrow(/^--down only ends .* --light and --keep cannot/);
  expect(parseOptions(["--down", "--yes"])).toMatchObject({ down: true });
});
