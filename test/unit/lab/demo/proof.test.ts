import { expect, test } from "vitest";
import { proofTable } from "#lab/demo/proof.ts";

const proof = { claim: "RPO", measured: "1.2 s", checkedBy: "the oracle", holds: true };

test("marks what holds and what does not", () => {
  const lines = proofTable([proof, { ...proof, claim: "RTO", holds: false }]).split("\n");
  expect(lines.find((line) => line.includes("RPO"))).toMatch(/^✓ /);
  expect(lines.find((line) => line.includes("RTO"))).toMatch(/^✗ /);
});

test("goes on in the next line where a cell is too long, and keeps every word", () => {
  const words = Array.from({ length: 30 }, (_, index) => `word${index}`);
  const table = proofTable([{ ...proof, checkedBy: words.join(" ") }]);
  for (const word of words) expect(table).toContain(word);
  for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(122);
});
