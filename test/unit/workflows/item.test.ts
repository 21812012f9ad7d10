import { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from "@temporalio/common";
import { describe, expect, it } from "vitest";
import { cutId, diskId, failoverId, type Instant, instant, machineId } from "#domain/ids.ts";
import { achievedBefore, faultFrom } from "#workflows/failure.ts";
import { ask, configured, end, mourn, record } from "#workflows/item/jobs.ts";
import { achieved, choosingDisks, failed, reported, wanted } from "#workflows/item/replication.ts";
import { notReached, reached } from "#workflows/item/fencing.ts";
import { withHealth } from "#workflows/item/health.ts";
import { retryDelaySeconds } from "#workflows/item/retry.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { viewOf } from "#workflows/item/view.ts";
import { configuration, fresh, replicating, report, request } from "#test/unit/workflows/examples.ts";

const disk = (name: string) => ({ id: diskId(name), sizeBytes: 1, format: "qcow2", location: `/${name}` });
const finished = { outcome: "succeeded", patch: {}, facts: {}, waits: false } as const;

describe("a protected item", () => {
  it("grants one job at a time and lets go of it when it has finished", () => {
    const { state } = ask(replicating, request("TestFailover"));
    expect(state.activeJob).toMatchObject({ id: "job-1", operation: "TestFailover", granted: false });
    expect(ask(state, request("PauseReplication", "job-2"))).toMatchObject({ state, refusal: { code: "JOB_RUNNING" } });
    expect(end(state, { jobId: "job-1", ...finished }).activeJob).toBeNull();
  });

  it("answers a job that asks again again, and does not begin it twice", () => {
    const { state } = ask(replicating, request("PlannedFailover"));
    const granted: ItemState = { ...state, activeJob: state.activeJob && { ...state.activeJob, granted: true } };
    const again = ask(granted, request("PlannedFailover"));
    expect(again.refusal).toBeUndefined();
    expect(again.state.activeJob?.granted).toBe(false);
    expect(again.state.lifecycle).toEqual(state.lifecycle);
  });

  it("has an unplanned failover interrupt what can be interrupted, and listens to the interrupted job no more", () => {
    const { state } = ask(replicating, request("TestFailover"));
    const asked = ask(state, request("UnplannedFailover", "job-2"));
    expect(asked.interrupted?.id).toBe("job-1");
    expect(record(asked.state, { jobId: "job-1", patch: { epoch: 9 } })).toBe(asked.state);
    expect(end(asked.state, { jobId: "job-1", ...finished })).toBe(asked.state);
  });

  it("never lets its epoch go down", () => {
    const { state } = ask({ ...replicating, epoch: 5 }, request("PlannedFailover"));
    expect(record(state, { jobId: "job-1", patch: { epoch: 4 } }).epoch).toBe(5);
    expect(record(state, { jobId: "job-1", patch: { epoch: 6 } }).epoch).toBe(6);
  });

  it("forgets that its old primary had been started again when that has become the replica, and not before", () => {
    const warned = withHealth(
      { ...replicating, lifecycle: { ...replicating.lifecycle, state: "failed-over" } },
      faultFrom("STALE_EPOCH", "It had been started again."),
    );
    const reversing = ask(warned, request("ReverseReplicate")).state;
    expect(end(reversing, { jobId: "job-1", ...finished, outcome: "failed" }).health).toHaveLength(1);
    expect(end(reversing, { jobId: "job-1", ...finished }).health).toEqual([]);
  });

  it("says why its old primary's host cannot be asked: the latest reason, until it can", () => {
    const once = notReached(replicating, faultFrom("AUTHENTICATION_FAILED", "no"));
    const twice = notReached(once, faultFrom("HOST_UNREACHABLE", "gone"));
    expect(twice.health).toMatchObject([{ code: "HOST_UNREACHABLE", severity: "Warning" }]);
    expect(reached(twice).health).toEqual([]);
  });

  it("keeps in mind where an old primary is that has yet to be fenced, also when it is protected between other places", () => {
    const { primary, secondary } = replicating.sides;
    const { state } = ask(replicating, request("UnplannedFailover"));
    // As jobs of an earlier version said it.
    const fence = { side: "primary", machine: machineId("m"), epoch: 2 } as const;
    const said = record(state, { jobId: "job-1", patch: { fence: fence as unknown as ItemState["fence"] } });
    const place = { site: primary.site, host: primary.host, machine: "m", epoch: 2 };
    expect(said.fence).toEqual(place);
    const swapped = record(said, { jobId: "job-1", patch: { sides: { primary: secondary, secondary: primary } } });
    expect(swapped.fence).toEqual(place);
  });

  it("warns of an old primary that has not been fenced yet, for as long as that is so, also where nothing tells since when", () => {
    const [site, host, machine] = [fresh.sides.primary.site, fresh.sides.primary.host, machineId("m")];
    const lifecycle = { ...replicating.lifecycle, state: "commit-pending" } as const;
    const failedOver: ItemState = { ...replicating, lifecycle, fence: { site, host, machine, epoch: 2 } };
    const warned = (state: ItemState) => viewOf(state).health.filter(({ code }) => code === "PRIMARY_NOT_FENCED");
    expect(warned(failedOver)).toMatchObject([{ severity: "Warning" }]);
    expect(warned({ ...failedOver, fence: { site, host, machine, epoch: 2, since: instant(0) } })).toMatchObject([
      { message: expect.stringContaining("since the failover at 1970-01-01T00:00:00.000Z"), at: instant(0) },
    ]);
    expect(warned({ ...failedOver, fence: null })).toEqual([]);
  });

  it("says in its health which task a job died in and what became of it", () => {
    const { state } = ask(replicating, request("PlannedFailover"));
    const during = record(state, { jobId: "job-1", task: "Start failover" });
    const after = mourn(during, {
      end: "TERMINATED",
      undone: ["It was taken back."],
      finished: { facts: {}, patch: {} },
    });
    expect(after.lifecycle.state).toBe("protected");
    expect(after.activeJob).toBeNull();
    expect(after.health).toMatchObject([
      {
        severity: "Warning",
        message: expect.stringMatching(/job-1 .*TERMINATED.*“Start failover”\. It was taken back\./),
      },
    ]);
  });

  it("goes by a configuration that is applied anew and keeps what it was protected with", () => {
    const gold = configuration.policies["gold"];
    if (gold === undefined) throw new Error("the example has it");
    const item: ItemState = {
      ...replicating,
      failover: {
        id: failoverId("f"),
        kind: "planned",
        point: { id: cutId("c"), takenAt: instant(0) },
        sourceContent: null,
      },
      sides: {
        ...replicating.sides,
        primary: { ...replicating.sides.primary, machine: { id: machineId("m"), name: "app1" } },
      },
    };
    const next = configured(item, {
      configuration: item.configuration,
      policy: { ...gold, retentionSeconds: 60 },
      networkMappings: [],
      streams: { primary: { address: "10.0.0.9", port: 1 }, secondary: item.sides.secondary.stream },
    });
    expect(next.policy.retentionSeconds).toBe(60);
    expect(next.sides.primary).toMatchObject({ machine: { id: "m" }, stream: { address: "10.0.0.9" } });
    expect(next.failover).toBe(item.failover);
  });
});

describe("its replication", () => {
  it("seeds first, then runs, and rests in every other state", () => {
    const at = (state: ItemState["lifecycle"]["state"]) =>
      wanted({ ...replicating, lifecycle: { ...replicating.lifecycle, state } })?.mode;
    expect(at("initial-replication")).toBe("seed");
    expect(at("protected")).toBe("run");
    for (const state of ["paused", "failing-over", "commit-pending", "resynchronizing", "unprotected"] as const) {
      expect(at(state)).toBeUndefined();
    }
  });

  it("makes room for a job whose cut must be the next, and for no other", () => {
    expect(wanted(ask(replicating, request("PlannedFailover")).state)).toBeUndefined();
    expect(wanted(ask(replicating, request("PauseReplication")).state)).toBeUndefined();
    expect(wanted(ask(replicating, request("TestFailover")).state)?.mode).toBe("run");
  });

  it("begins anew under another policy, epoch or address, and for nothing else", () => {
    const key = wanted(replicating)?.key;
    expect(wanted({ ...replicating, policy: { ...replicating.policy, intervalSeconds: 1 } })?.key).not.toBe(key);
    expect(wanted({ ...replicating, epoch: 2 })?.key).not.toBe(key);
    expect(wanted({ ...replicating, bytesSent: 5, health: [] })?.key).toBe(key);
  });

  it("begins anew with other excluded disks, and says which it cannot leave out until that is corrected", () => {
    const machine = { name: "app1", disks: [disk("vda"), disk("vdb")] };
    const excluding = (...names: string[]): ItemState => ({
      ...replicating,
      disks: [diskId("vda")],
      configuration: { ...replicating.configuration, excludeDisks: names.map(diskId) },
    });
    expect(wanted(excluding("vdb"))?.key).not.toBe(wanted(replicating)?.key);
    expect(choosingDisks(excluding("vdb"), machine)).toMatchObject({ disks: ["vda"], health: [] });
    const wrong = choosingDisks(excluding("vdb", "vdz"), machine);
    expect(wrong.health).toMatchObject([
      {
        code: "CONFIG_INVALID",
        severity: "Warning",
        message: expect.stringMatching(/vdz.*vda, vdb.*Replicated now: vda\./),
      },
    ]);
    expect(choosingDisks(wrong, machine).health).toEqual(wrong.health);
    expect(choosingDisks({ ...excluding(), health: wrong.health }, machine)).toMatchObject({
      disks: ["vda", "vdb"],
      health: [],
    });
    const none = choosingDisks(excluding("vda", "vdb"), machine);
    expect(none).toMatchObject({
      disks: ["vda"],
      health: [{ message: expect.stringContaining("every disk of app1") }],
    });
    const away: ItemState = { ...excluding("vdz"), lifecycle: { ...replicating.lifecycle, direction: "reverse" } };
    expect(choosingDisks(away, machine).health).toEqual([]);
  });

  it("tries the first copy again when what has changed cannot be proven: it compares then", () => {
    const seeding: ItemState = { ...fresh, lifecycle: { ...fresh.lifecycle, state: "initial-replication" } };
    for (const code of ["RESYNC_REQUIRED", "TRACKING_LOST"] as const) {
      const after = failed(seeding, faultFrom(code, "The bitmap is gone."));
      expect(after).toMatchObject({ stuck: false, failing: { attempts: 1 }, lifecycle: seeding.lifecycle });
      expect(retryDelaySeconds({ code }, 1, after)).toBe(5);
    }
  });

  it("asks for a resynchronization when tracking was lost", () => {
    const lost = failed(replicating, faultFrom("RESYNC_REQUIRED", "The bitmap is gone."));
    expect(lost).toMatchObject({ lifecycle: { state: "resynchronization-required" }, resynchronizeByItself: true });
    expect(lost.health).toMatchObject([{ code: "RESYNC_REQUIRED", message: "The bitmap is gone." }]);
  });

  it("waits for a person after a fault that no retry mends, until one has given an order", () => {
    const stuck = failed(replicating, faultFrom("AUTHENTICATION_FAILED", "no"));
    expect(stuck).toMatchObject({ stuck: true, lifecycle: { state: "protected" } });
    expect(wanted(stuck)).toBeUndefined();
    expect(ask(stuck, request("UpdatePolicy")).state).toMatchObject({ stuck: false, failing: { attempts: 0 } });
  });

  it("knows the newest point that was sealed, also by a stretch that failed then, and by one that is heard of late", () => {
    const [older, newer] = [report("2026-11-21T12:00:00.000Z"), report("2026-11-21T12:00:09.000Z")];
    const known = achieved(replicating, { ...newer, lastSealed: { ...newer.lastSealed, cut: cutId("c2") } });
    expect(known).toMatchObject({ lastSealed: { cut: "c2" }, lastCycle: newer.lastCycle, bytesSent: 1_000 });
    expect(achieved(known, older)).toMatchObject({ lastSealed: { cut: "c2" }, bytesSent: 2_000 });
    const { state } = ask(known, request("PlannedFailover"));
    expect(record(state, { jobId: "job-1", sealed: older.lastSealed }).lastSealed?.cut).toBe("c2");
    expect(record(state, { jobId: "job-1", patch: { lastSealed: older.lastSealed } }).lastSealed?.cut).toBe("c1");
  });

  it("knows the newest point also after the source's clock was set back", () => {
    const before = achieved(replicating, report("2026-11-21T12:00:09.000Z"));
    const { lastSealed, ...rest } = report("2026-11-21T11:00:00.000Z");
    const sealedAt = "2026-11-21T12:00:14.000Z" as Instant;
    const after = achieved(before, { ...rest, lastSealed: { ...lastSealed, cut: cutId("c2"), sealedAt } });
    expect(after.lastSealed).toMatchObject({ cut: "c2", sealedAt });
    expect(viewOf(after).lastSealed).toEqual(after.lastSealed);
  });

  it("hears what was achieved from a failure, and from the last heartbeat of a worker that was lost", () => {
    const done = report("2026-11-21T12:00:00.000Z");
    const { lastSealed, bytesSent } = done;
    const failure = (cause: Error) =>
      new ActivityFailure("failed", "replicate", "1", "NON_RETRYABLE_FAILURE", "w", cause);
    const fault = ApplicationFailure.create({ type: "HOST_UNREACHABLE", details: [{}, { lastSealed, bytesSent }] });
    expect(achievedBefore(failure(fault))).toEqual({ lastSealed, bytesSent });
    expect(achievedBefore(failure(new TimeoutFailure("lost", done, "HEARTBEAT")))).toEqual(done);
    expect(achievedBefore(failure(new CancelledFailure("ended", [done])))).toEqual(done);
    expect(achievedBefore(failure(ApplicationFailure.create({ type: "INTERNAL", details: [{}] })))).toBeUndefined();
    expect(achievedBefore(failure(new TimeoutFailure("never begun", undefined, "SCHEDULE_TO_START")))).toBeUndefined();
  });

  it("counts how often it failed in a row, and forgets it when it works", () => {
    const once = failed(replicating, faultFrom("HOST_UNREACHABLE", "gone"));
    const twice = failed(once, faultFrom("HOST_UNREACHABLE", "gone"));
    expect(twice).toMatchObject({ stuck: false, failing: { attempts: 2, since: once.failing?.since } });
    expect(twice.health).toHaveLength(1);
    const works = reported(twice, report("2026-11-21T12:00:00.000Z"));
    expect(works).toMatchObject({ failing: null, health: [], lastSealed: { cut: "c1" }, bytesSent: 1_000 });
  });

  it("tells the trouble of this moment, not that of the attempts before, and keeps what tells of something else", () => {
    const warned = withHealth(replicating, faultFrom("GUEST_FREEZE_FAILED", "no agent"));
    const once = failed(warned, faultFrom("HOST_UNREACHABLE", "gone"));
    const twice = failed(once, faultFrom("HOST_KEY_MISMATCH", "another key"));
    expect(twice.health.map(({ code }) => code)).toEqual(["GUEST_FREEZE_FAILED", "HOST_KEY_MISMATCH"]);
    expect(viewOf(twice).health.map(({ code }) => code)).toEqual(["HOST_KEY_MISMATCH", "GUEST_FREEZE_FAILED"]);
  });

  it("forgets what it failed with when it works, whatever kind of trouble that was", () => {
    const troubled = failed(replicating, faultFrom("TLS_FAILED", "not trusted"));
    expect(reported(troubled, report("2026-11-21T12:00:00.000Z")).health).toEqual([]);
  });

  it("does not take its trouble for over because it was ended before it was connected", () => {
    const troubled = failed(replicating, faultFrom("HOST_UNREACHABLE", "gone"));
    const ended = { ...report("2026-11-21T12:00:00.000Z"), phase: "connecting" as const, cycles: 0 };
    expect(reported(troubled, ended)).toMatchObject({
      failing: { attempts: 1 },
      health: [{ code: "HOST_UNREACHABLE" }],
    });
    expect(reported(troubled, { ...ended, phase: "waiting" })).toMatchObject({ failing: null, health: [] });
  });

  it("tries recoverable faults again, first soon and then less often, and others not", () => {
    expect([1, 2, 3, 4, 50].map((attempt) => retryDelaySeconds({ code: "HOST_UNREACHABLE" }, attempt))).toEqual([
      5, 5, 5, 30, 30,
    ]);
    expect(retryDelaySeconds({ code: "REPLICA_INVALID" }, 1)).toBeUndefined();
  });
});
