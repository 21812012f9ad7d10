import { describe, expect, it } from "vitest";
import { withLive } from "#client/item-view.ts";
import { healthError } from "#domain/health.ts";
import { cutId, type Instant, instant, siteName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import { newItem } from "#workflows/job/enlist.ts";
import { viewOf } from "#workflows/item/view.ts";
import { app, configuration, report } from "#test/unit/workflows/examples.ts";

const nowMs = Date.parse("2026-11-21T12:00:10.000Z");
const item = newItem(configuration, app);
const view: ItemView = { ...viewOf(item), state: "protected", activeSite: siteName("paris") };
const live = (change: Parameters<typeof withLive>[1]["live"], at: ItemView = view): ItemView =>
  withLive(at, { live: change, policy: item.policy, nowMs, failing: false });

describe("an item's live view", () => {
  it("has the age of the newest point that the running replication has sealed", () => {
    const seen = live({ report: report("2026-11-21T12:00:07.000Z") });
    expect(seen).toMatchObject({ rpoSeconds: 3, progress: { phase: "waiting" }, lastSealed: { cut: "c1" } });
    expect(seen.replicationHealth).toBe("Normal");
  });

  it("says which pass over the disks runs, and why", () => {
    const pass = { number: 2, why: "the cut broke and is taken anew" };
    const { progress } = live({ report: { ...report("2026-11-21T12:00:07.000Z"), pass } });
    expect(progress).toMatchObject({ phase: "waiting", pass: "pass 2: the cut broke and is taken anew" });
  });

  it("does not go back to an older point that an earlier heartbeat tells of", () => {
    const newer = { ...view, lastSealed: { cut: report("").lastSealed.cut, takenAt: instant(nowMs - 1_000) } };
    expect(live({ report: report("2026-11-21T12:00:07.000Z") }, newer).rpoSeconds).toBe(1);
  });

  it("goes on to a point that was taken after the source's clock was set back", () => {
    const [takenAt, sealedAt] = [instant(nowMs + 3_600_000), instant(nowMs - 6_000)];
    const ahead: ItemView = { ...view, lastSealed: { cut: cutId("c0"), takenAt, sealedAt } };
    expect(live({ report: report("2026-11-21T12:00:07.000Z") }, ahead)).toMatchObject({
      lastSealed: { cut: "c1" },
      rpoSeconds: 3,
    });
  });

  it("has no age while a failover waits for its commit", () => {
    const away: ItemView = { ...view, state: "commit-pending" };
    expect(live({ report: report("2026-11-21T12:00:07.000Z") }, away).rpoSeconds).toBeUndefined();
  });

  it.each(["failed-over", "failed-over-protected"] as const)(
    "has, in %s, the age of the point that the machine began with: all since is lost with its site",
    (state) => {
      const away: ItemView = { ...view, state, lastSealed: { cut: cutId("c0"), takenAt: instant(nowMs - 5_000) } };
      expect(live({}, away)).toMatchObject({ rpoSeconds: 5, health: [] });
      const old = { ...away, lastSealed: { cut: cutId("c0"), takenAt: instant(nowMs - 7_200_000) } };
      expect(live({}, old)).toMatchObject({
        health: [
          { code: "RPO_EXCEEDED", severity: "Warning", action: expect.stringMatching(/^Reverse the replication/) },
        ],
      });
    },
  );

  it("says nothing of the replication that it was failed over from, whose worker may still be heard of", () => {
    const warnings = [{ code: "GUEST_FREEZE_FAILED" as const, message: "no agent", at: instant(nowMs) }];
    const late = { report: { ...report("2026-11-21T12:00:07.000Z"), warnings }, orphaned: "Heartbeat timeout" };
    for (const state of ["commit-pending", "failed-over", "failed-over-protected"] as const) {
      const seen = live(late, { ...view, state });
      expect(seen.health).toEqual([]);
      expect(seen.progress).toBeUndefined();
      expect(seen.lastCycle).toBeUndefined();
    }
  });

  it("is critical once replication has failed for so long that the point is older than the threshold, and not before", () => {
    const gone = { ...healthError("HOST_UNREACHABLE", "gone", instant(nowMs)), severity: "Warning" as const };
    const failing = (takenAt: string): ItemView => ({
      ...view,
      health: [gone],
      lastSealed: { cut: cutId("c1"), takenAt: takenAt as Instant },
    });
    const seen = (takenAt: string) =>
      withLive(failing(takenAt), { live: {}, policy: item.policy, nowMs, failing: true });
    expect(seen("2026-11-21T12:00:00.000Z").replicationHealth).toBe("Warning");
    expect(seen("2026-11-21T10:00:00.000Z")).toMatchObject({
      replicationHealth: "Critical",
      health: [{ code: "RPO_EXCEEDED", severity: "Critical" }, { code: "HOST_UNREACHABLE" }],
    });
  });

  it("names the committed point, whatever a worker that was lost had sealed after it", () => {
    const committed = { cut: cutId("c0"), takenAt: instant(0) };
    const away: ItemView = { ...view, state: "failed-over", lastSealed: committed };
    expect(live({ report: report("2026-11-21T12:00:07.000Z") }, away).lastSealed).toEqual(committed);
  });

  it("warns when the newest point is older than the policy's threshold", () => {
    const seen = live({ report: report("2026-11-21T10:00:00.000Z") });
    expect(seen.health.map(({ code }) => code)).toEqual(["RPO_EXCEEDED"]);
    expect(seen.replicationHealth).not.toBe("Normal");
  });

  it("says that the worker was lost until another has taken replication up", () => {
    expect(live({ orphaned: "activity Heartbeat timeout" }).health).toMatchObject([
      { code: "WORKER_UNAVAILABLE", severity: "Warning", message: expect.stringContaining("site paris") },
    ]);
  });

  it("says what a job's replication fails with again and again, and is critical once the point is too old", () => {
    const failing = { code: "HOST_UNREACHABLE" as const, message: "The host lyon-1 does not answer." };
    expect(live({ failing })).toMatchObject({
      replicationHealth: "Warning",
      health: [{ code: "HOST_UNREACHABLE", severity: "Warning", message: failing.message }],
    });
    const old = { ...view, lastSealed: { cut: cutId("c1"), takenAt: instant(nowMs - 7_200_000) } };
    expect(live({ failing }, old).health).toMatchObject([
      { code: "RPO_EXCEEDED", severity: "Critical" },
      { code: "HOST_UNREACHABLE" },
    ]);
  });

  it("shows a freeze that failed as a warning, once", () => {
    const warnings = [{ code: "GUEST_FREEZE_FAILED" as const, message: "no agent", at: instant(nowMs) }];
    const seen = live({ report: { ...report("2026-11-21T12:00:07.000Z"), warnings } });
    expect(seen).toMatchObject({
      replicationHealth: "Warning",
      health: [{ severity: "Warning", message: "no agent" }],
    });
    expect(live({ report: { ...report("2026-11-21T12:00:07.000Z"), warnings } }, seen).health).toHaveLength(1);
  });

  it("takes a freeze that failed back with the next app-consistent point, before the stretch of replication has ended", () => {
    const failed = {
      ...healthError("GUEST_FREEZE_FAILED", "no agent", instant(nowMs - 60_000)),
      severity: "Warning" as const,
    };
    const warned: ItemView = { ...view, health: [failed] };
    const now = report("2026-11-21T12:00:07.000Z");
    expect(live({ report: now }, warned).health).toEqual([failed]);
    const since = { ...now, lastAppConsistentAt: now.lastSealed.takenAt };
    expect(live({ report: since }, warned)).toMatchObject({ health: [], replicationHealth: "Normal" });
    const again = { ...failed, at: instant(nowMs) };
    expect(live({ report: since }, { ...view, health: [again] }).health).toEqual([again]);
  });

  it("has nothing newer to lose while the machine is seen to be off, and says that it is until it has been cut running", () => {
    const off = { code: "MACHINE_NOT_RUNNING" as const, message: "is off", at: instant(nowMs - 2_000) };
    const sealed = report("2026-11-20T12:00:00.000Z");
    const seen = live({ report: { ...sealed, warnings: [off] } });
    expect(seen).toMatchObject({ rpoSeconds: 2, replicationHealth: "Warning" });
    expect(seen.health.map(({ code }) => code)).toEqual(["MACHINE_NOT_RUNNING"]);
    // Between two stretches of replication the item's own health tells.
    expect(live({}, seen)).toMatchObject({ rpoSeconds: 2, health: [{ code: "MACHINE_NOT_RUNNING" }] });
    const running = live({ report: report("2026-11-21T12:00:09.000Z") }, seen);
    expect(running).toMatchObject({ rpoSeconds: 1, health: [], replicationHealth: "Normal" });
    expect(live({}, { ...seen, state: "commit-pending" }).health).toEqual([]);
  });

  it("shows each kind of warning, the newest of it", () => {
    const at = instant(nowMs);
    const warnings = [
      { code: "FIRMWARE_NOT_CARRIED" as const, message: "may not be read", at },
      { code: "GUEST_FREEZE_FAILED" as const, message: "no agent", at },
      { code: "FIRMWARE_NOT_CARRIED" as const, message: "is gone", at },
    ];
    const seen = live({ report: { ...report("2026-11-21T12:00:07.000Z"), warnings } });
    expect(seen.health.map(({ code, message }) => [code, message])).toEqual([
      ["FIRMWARE_NOT_CARRIED", "is gone"],
      ["GUEST_FREEZE_FAILED", "no agent"],
    ]);
  });
});
