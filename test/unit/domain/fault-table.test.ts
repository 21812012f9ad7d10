import { expect, test } from "vitest";
import { exitCodes } from "#domain/exit-codes.ts";
import { faultCodes } from "#domain/fault-codes.ts";
import { faultTable, isRecoverable } from "#domain/fault-table.ts";

test.each(faultCodes)("%s says in whole sentences what it means and what to do", (code) => {
  const meaning = faultTable[code];
  expect(meaning.summary).toMatch(/^[A-Z].*\.$/u);
  expect(meaning.action).toMatch(/^[A-Z].*\.$/u);
  expect(meaning.causes.length).toBeGreaterThan(0);
  for (const cause of meaning.causes) expect(cause).toMatch(/\S\.$/u);
  expect(Object.values(exitCodes)).toContain(meaning.exitCode);
  expect(meaning.exitCode).not.toBe(exitCodes.ok);
});

test("the table has no code that is not declared", () => {
  expect(Object.keys(faultTable).sort()).toEqual([...faultCodes].sort());
});

test("what was damaged on the way is sent again; what is stored damaged waits for a person", () => {
  expect(isRecoverable("DAMAGED_IN_TRANSIT")).toBe(true);
  expect(isRecoverable("DIGEST_MISMATCH")).toBe(false);
});

test("the classes of the specification: networks and space are tried again, broken chains and refused keys are not", () => {
  expect(
    ["HOST_UNREACHABLE", "PEER_UNREACHABLE", "STORE_FULL"].every((code) => isRecoverable(code as "STORE_FULL")),
  ).toBe(true);
  for (const code of [
    "CHAIN_BROKEN",
    "REPLICA_INVALID",
    "AUTHENTICATION_FAILED",
    "PERMISSION_DENIED",
    "MACHINE_NOT_FOUND",
  ] as const)
    expect(isRecoverable(code)).toBe(false);
});

test("what is tried again by itself is a warning", () => {
  const critical = faultCodes.filter((code) => isRecoverable(code) && faultTable[code].severity !== "Warning");
  expect(critical).toEqual([]);
});
