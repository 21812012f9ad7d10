import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createReplicationActivities } from "#activities/replication.ts";
import { Fault } from "#domain/fault.ts";
import { oneCycle, takes } from "#test/support/skipping-doubles.ts";
import { type SkippingWorld, soon, startSkippingWorld } from "#test/support/skipping-world.ts";
import { lyon, paris } from "#test/support/temporal-world.ts";

/** Tries at 30 s each: an outage of about an hour. */
const misses = 120;

describe("a resynchronization in virtual time", () => {
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

  it("goes on through a long outage, looks every half minute, and leaves a short history", async () => {
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
});
