import { expect, test } from "vitest";
import { choose } from "#lab/commands/choose-lab.ts";

test("the only lab that is up is meant where none is named", () => {
  expect(choose(undefined, ["d7ddae"])).toBe("d7ddae");
});

test("among several the one that `lab up` makes is meant", () => {
  expect(choose(undefined, ["d7ddae", "demo"])).toBe("demo");
});

test("is never guessed among several others, which are told", () => {
  expect(() => choose(undefined, ["a", "b"])).toThrow("Several labs are up; say which with --id: a, b.");
});

test("a name that is not up is refused with those that are, also where only one is", () => {
  expect(choose("b", ["a", "b"])).toBe("b");
  expect(() => choose("c", ["d7ddae"])).toThrow('There is no lab "c" up; there are: d7ddae.');
  expect(() => choose(undefined, [])).toThrow("No lab is up. Start one: understudy lab up");
});
