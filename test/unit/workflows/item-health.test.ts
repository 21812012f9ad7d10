import { describe, expect, it } from "vitest";
import { cutId, instant } from "#domain/ids.ts";
import { faultFrom } from "#workflows/failure.ts";
import { notReached } from "#workflows/item/fencing.ts";
import { withHealth } from "#workflows/item/health.ts";
import { ask, end } from "#workflows/item/jobs.ts";
import { achieved, failed } from "#workflows/item/replication.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { viewOf } from "#workflows/item/view.ts";
import { replicating, report, request } from "#test/unit/workflows/examples.ts";

const finished = { outcome: "succeeded", patch: {}, facts: {}, waits: false } as const;

describe("the health of an item", () => {
  it("warns for as long as it has failed over and its replication is not reversed, and says what that means", () => {
    const away = (state: "failed-over" | "failed-over-protected"): ItemState => ({
      ...replicating,
      lifecycle: { ...replicating.lifecycle, state },
      lastSealed: { cut: cutId("c1"), takenAt: instant(0) },
    });
    const view = viewOf(away("failed-over"));
    expect(view).toMatchObject({ replicationHealth: "Warning", activeSite: "lyon", pointsSite: "lyon" });
    expect(view.health).toMatchObject([
      {
        code: "NOT_REPLICATED",
        severity: "Warning",
        message: expect.stringMatching(/site lyon .* since 1970-01-01T00:00:00.000Z .*unplanned/),
        action: expect.stringContaining("understudy reprotect app1"),
      },
    ]);
    expect(viewOf(away("failed-over-protected")).health[0]?.message).toMatch(/site paris still holds/);
    expect(viewOf(replicating)).toMatchObject({ health: [], activeSite: "paris", pointsSite: "lyon" });
  });

  it("forgets with a failover what was wrong at the site that was left, and nothing of its old primary", () => {
    const troubled = failed(
      withHealth(replicating, faultFrom("GUEST_FREEZE_FAILED", "no agent")),
      faultFrom("HOST_UNREACHABLE", "the connection to p1 broke"),
    );
    for (const operation of ["UnplannedFailover", "PlannedFailover"] as const) {
      const { state } = ask(troubled, request(operation));
      expect(end(state, { jobId: "job-1", ...finished, outcome: "failed" }).health).toHaveLength(2);
      expect(end(state, { jobId: "job-1", ...finished })).toMatchObject({ health: [], failing: null });
    }
    const { state } = ask(troubled, request("UnplannedFailover"));
    const over = end(state, { jobId: "job-1", ...finished });
    const unreached = notReached(over, faultFrom("HOST_UNREACHABLE", "gone"));
    const back = withHealth(unreached, faultFrom("STALE_EPOCH", "It had come back."), { severity: "Warning" });
    const committing = ask(back, request("Commit", "job-2")).state;
    const committed = end(committing, { jobId: "job-2", ...finished });
    expect(committed.health.map(({ code }) => code)).toEqual(["HOST_UNREACHABLE", "STALE_EPOCH"]);
  });

  it("forgets the last delta of the direction that was turned round", () => {
    const away: ItemState = {
      ...achieved(replicating, report("2026-11-21T12:00:00.000Z")),
      lifecycle: { ...replicating.lifecycle, state: "failed-over" },
    };
    const { state } = ask(away, request("ReverseReplicate"));
    expect(state.lastCycle).not.toBeNull();
    expect(end(state, { jobId: "job-1", ...finished }).lastCycle).toBeNull();
  });

  it("is critical of what waits for a person, and warns of what is tried again by itself", () => {
    const severities = (code: Parameters<typeof faultFrom>[0]) =>
      failed(replicating, faultFrom(code, "no")).health.map(({ severity }) => severity);
    expect(severities("HOST_UNREACHABLE")).toEqual(["Warning"]);
    expect(severities("PEER_UNREACHABLE")).toEqual(["Warning"]);
    expect(severities("AUTHENTICATION_FAILED")).toEqual(["Critical"]);
    expect(severities("CONFIG_INVALID")).toEqual(["Critical"]);
  });
});
