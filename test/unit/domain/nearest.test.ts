import { expect, test } from "vitest";
import { nearest } from "#domain/nearest.ts";

test.each([
  ["polices", ["policies", "sites", "items"], "policies"],
  ["lyno", ["paris", "lyon"], "lyon"],
  ["APP1", ["app1", "app2"], "app1"],
  ["secondery", ["primary", "secondary"], "secondary"],
  ["x", ["y"], "y"],
  ["frobnicate", ["policies", "sites"], undefined],
  ["app1", [], undefined],
])("%s among %j means %s", (name, known, meant) => {
  expect(nearest(name, known)).toBe(meant);
});
