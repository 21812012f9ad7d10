import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createReplicationActivities } from "#activities/replication.ts";
import { Fault } from "#domain/fault.ts";
import { oneCycle, takes } from "#test/support/skipping-doubles.ts";
import { type SkippingWorld, soon, startSkippingWorld } from "#test/support/skipping-world.ts";
import { lyon, paris } from "#test/support/temporal-world.ts";
import { orchestratorQueue } from "#workflows/names.ts";

/** Tries at 30 s each: an outage of about an hour. */
const misses = 120;

describe("what takes long, in virtual time", () => {
  let world: SkippingWorld;
  let missed = 0;
  beforeAll(async () => {
    world = await startSkippingWorld();
    const { replicate } = createReplicationActivities(async (_host, { mode, returnAfterSeconds }) => {
      if (mode !== "resynchronize") takes(returnAfterSeconds);
      if (mode === "resynchronize" && missed < misses) {
        missed += 1;
        throw new Fault("HOST_UNREACHABLE", "The host paris-1 does not answer.");
      }
      return oneCycle();
    });
    await world.startSite(paris, { replicate });
    await world.startSite(lyon);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("has a resynchronization go on through a long outage, look every half minute, and leave a short history", async () => {
    const app = await world.startItem("app1");
    await soon(async () => (await app.steps()).includes("replicate 2"));
    const job = await app.order("RepairReplication");
    await world.passUntil(async () => (await job.describe()).status.name !== "RUNNING");
    expect(await job.result()).toMatchObject({ bytesSent: 1_000 });
    expect(missed).toBe(misses);
    const { startTime, closeTime, historyLength } = await job.describe();
    expect((closeTime?.getTime() ?? 0) - startTime.getTime()).toBeLessThan(misses * 31_000);
    // Temporal ends a workflow whose history comes to 51,200 events.
    expect(historyLength).toBeLessThan(400);
  });

  it("has steps that read whole disks take as long as they need", async () => {
    const { item, sides } = await (await world.startItem("app2")).state();
    const { site, host, replica } = sides.secondary;
    const reading = await world.client.workflow.start("VerifyPoint", {
      taskQueue: orchestratorQueue,
      workflowId: `verify/${item}`,
      args: [{ site, host, replica }],
    });
    expect(await reading.result()).toMatchObject({ mismatched: 0 });
    const { events } = await reading.fetchHistory();
    const steps = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes);
    const step = steps.find((scheduled) => scheduled?.activityType?.name === "verifyPoint");
    expect(Number(step?.startToCloseTimeout?.seconds)).toBeGreaterThan(7 * 86_400);
    expect(Number(step?.heartbeatTimeout?.seconds)).toBeLessThan(60);
  });
});
