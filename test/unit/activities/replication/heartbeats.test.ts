import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { createReplicationActivities } from "#activities/replication.ts";
import { beatEveryMs, beating } from "#activities/replication/heartbeats.ts";
import type { ReplicateReport } from "#activities/replication/request.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, hostName, instant } from "#domain/ids.ts";
import { replicateRequest } from "#workflows/item/replicate-request.ts";
import { protectedItem } from "#test/support/protected-item.ts";

test("A few replications hear of a cancellation within 100 ms, and a thousand ask Temporal a thousand times a second, not more", () => {
  expect([1, 2, 4, 20, 1_000].map(beatEveryMs)).toEqual([100, 100, 200, 1_000, 1_000]);
});

test("The beat changes its pace while it goes on, and ends when it is disposed of", () => {
  vi.useFakeTimers();
  try {
    let [beats, everyMs] = [0, 100];
    {
      using _beating = beating(
        () => void (beats += 1),
        () => everyMs,
      );
      vi.advanceTimersByTime(500);
      expect(beats).toBe(5);
      everyMs = 1_000;
      vi.advanceTimersByTime(2_000);
      expect(beats).toBe(7);
    }
    vi.advanceTimersByTime(10_000);
    expect(beats).toBe(7);
  } finally {
    vi.useRealTimers();
  }
});

test("What a replication last reported is its heartbeat, however often it reports", async () => {
  const environment = new MockActivityEnvironment();
  const beats: unknown[] = [];
  environment.on("heartbeat", (details: unknown) => void beats.push(details));
  const { replicate } = createReplicationActivities(async (_host, _request, run) => {
    for (let cycles = 1; cycles <= 1_000; cycles += 1) run.report(report(cycles));
    await sleep(150);
    return report(1_000);
  });
  await environment.run(replicate, work);
  expect(beats).toEqual([report(1_000)]);
});

test("A replication that fails says what it has sealed and sent, also when it could not begin after an attempt that could", async () => {
  const lastSealed = { cut: cutId("c1"), takenAt: instant(0), sealedAt: instant(1) };
  const done = { ...report(3), lastSealed, bytesSent: 4_096 };
  const failing = createReplicationActivities(async (_host, _request, run) => {
    run.report(done);
    throw new Fault("HYPERVISOR_UNAVAILABLE", "libvirtd does not answer", { details: { host: "p1" } });
  });
  const told = { type: "HYPERVISOR_UNAVAILABLE", details: [{ host: "p1" }, { lastSealed, bytesSent: 4_096 }] };
  const quiet = { logger: new DefaultLogger("ERROR") };
  await expect(new MockActivityEnvironment({}, quiet).run(failing.replicate, work)).rejects.toMatchObject(told);

  let went: unknown;
  const next = createReplicationActivities(async (_host, _request, { before }) => {
    went = before;
    throw new Fault("HYPERVISOR_UNAVAILABLE", "libvirtd does not answer", { details: { host: "p1" } });
  });
  const second = new MockActivityEnvironment({ attempt: 2, heartbeatDetails: done }, quiet);
  await expect(second.run(next.replicate, work)).rejects.toMatchObject(told);
  expect(went).toEqual(done);
});

const report = (cycles: number): ReplicateReport => ({
  phase: "waiting",
  cycles,
  bytesSent: 0,
  wireBytes: 0,
  disks: [],
  warnings: [],
});
const work = {
  host: hostName("paris1"),
  request: replicateRequest(protectedItem("app1"), { mode: "run", returnAfterSeconds: 0 }),
};
