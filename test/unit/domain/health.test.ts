import { expect, test } from "vitest";
import { healthError, healthLevel, inOrder, rpoHealth } from "#domain/health.ts";
import { instant } from "#domain/ids.ts";
import { rpoSeconds } from "#domain/rpo.ts";

const at = instant(Date.UTC(2026, 10, 20, 12));
const warning = healthError("GUEST_FREEZE_FAILED", "The guest agent does not answer.", at);
const critical = healthError("REPLICA_NOT_FOUND", "The store /srv is empty.", at);

test("an error carries the case's sentence and the table's causes and action", () => {
  expect(critical).toMatchObject({
    severity: "Critical",
    category: "Replication",
    message: "The store /srv is empty.",
  });
  expect(critical.action).toContain("Mount the store again");
});

test.each([
  ["protected", [], "Normal"],
  ["protected", [warning], "Warning"],
  ["protected", [warning, critical], "Critical"],
  ["resynchronization-required", [], "Critical"],
  ["unprotected", [], "None"],
  ["failed-over", [warning], "Warning"],
  ["unprotected", [warning], "Warning"],
  ["disabling", [critical], "Critical"],
] as const)("in %s the level is the worst of what is told", (state, errors, level) => {
  expect(healthLevel(state, errors)).toBe(level);
});

test("an RPO over the policy's threshold is a warning with both figures, and critical while replication fails", () => {
  const policy = { rpoThresholdSeconds: 60 };
  const nowMs = Date.parse(at) + 120_000;
  const works = { newestTakenAt: at, nowMs, failing: false };
  expect(rpoHealth(policy, { ...works, nowMs: nowMs - 60_000 })).toBeUndefined();
  expect(rpoHealth(policy, { ...works, failing: true })).toMatchObject({ severity: "Critical" });
  expect(rpoHealth(policy, works)).toMatchObject({
    code: "RPO_EXCEEDED",
    severity: "Warning",
    message: "The newest recovery point was taken 2m ago, at 2026-11-20T12:00:00.000Z; the policy's threshold is 1m.",
  });
});

test("a source whose clock is ahead gives an RPO of 0, not a negative one", () => {
  expect(rpoSeconds(at, Date.parse(at) - 5000)).toBe(0);
});

test("what is worst comes first, and of that what is newest", () => {
  const said = (code: "STALE_EPOCH" | "HOST_KEY_MISMATCH" | "RPO_EXCEEDED" | "CUT_BROKEN", second: number) =>
    healthError(code, "", instant(second * 1_000));
  const errors = [said("RPO_EXCEEDED", 4), said("STALE_EPOCH", 1), said("CUT_BROKEN", 2), said("HOST_KEY_MISMATCH", 3)];
  expect(inOrder(errors).map(({ code }) => code)).toEqual([
    "HOST_KEY_MISMATCH",
    "STALE_EPOCH",
    "RPO_EXCEEDED",
    "CUT_BROKEN",
  ]);
});
