import type { WorkflowHandle } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { takes } from "#test/support/skipping-doubles.ts";
import { type SkippingItem, type SkippingWorld, soon, startSkippingWorld } from "#test/support/skipping-world.ts";
import { lyon, paris } from "#test/support/temporal-world.ts";

/** How long the guests need to shut down: of `app2` and `app3` longer than their policy's grace of 60 s. */
const needed: Readonly<Record<string, number>> = { "id-app1": 50, "id-app2": 600, "id-app3": 600 };

describe("a planned failover in virtual time", () => {
  let world: SkippingWorld;
  let apps: readonly SkippingItem[];
  let jobs: readonly WorkflowHandle[];
  beforeAll(async () => {
    world = await startSkippingWorld();
    await world.startSite(lyon);
    await world.startSite(paris, {
      async shutDownMachine(request) {
        const { machine, graceSeconds, force } = request;
        const seconds = needed[machine] ?? 0;
        takes(Math.min(seconds, graceSeconds));
        const shutDown = seconds <= graceSeconds;
        if (!shutDown && !force) throw new Fault("SHUTDOWN_TIMED_OUT", `It did not shut down in ${graceSeconds} s.`);
        await world.sites.activities(paris).shutDownMachine(request);
        return { forced: !shutDown };
      },
    });
    // All at once: time that passes for one of them passes for all.
    apps = await Promise.all(["app1", "app2", "app3"].map((name) => world.startItem(name)));
    // Not before each is in the middle of its stretch.
    await Promise.all(apps.map((app) => soon(async () => (await app.steps()).includes("replicate 2"))));
    jobs = await Promise.all(apps.map((app, index) => app.order("PlannedFailover", { force: index === 2 })));
    await world.passUntil(async () => {
      const ends = await Promise.all(jobs.map((job) => job.describe()));
      return ends.every(({ status }) => status.name !== "RUNNING");
    });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("waits for a guest that shuts down within its grace, and goes on at once", async () => {
    expect(await jobs[0]?.result()).toMatchObject({ machineName: "app1" });
    const took = await seconds(jobs[0]);
    expect(took).toBeGreaterThanOrEqual(50);
    expect(took).toBeLessThan(60);
    expect(world.sites.running("app1")).toEqual(["lyon/app1"]);
  });

  it("gives up when the grace is over, and the machine runs on where it is", async () => {
    await expect(jobs[1]?.result()).rejects.toMatchObject({ cause: { type: "SHUTDOWN_TIMED_OUT" } });
    expect(Math.floor((await seconds(jobs[1])) / 15)).toBe(4);
    expect(world.sites.running("app2")).toEqual(["paris/app2"]);
    expect((await apps[1]?.state())?.lifecycle.state).toBe("protected");
  });

  it("turns the guest off when the grace is over and that was asked for, and says so", async () => {
    expect(await jobs[2]?.result()).toMatchObject({ information: [expect.stringContaining("within 60 s")] });
    expect(Math.floor((await seconds(jobs[2])) / 15)).toBe(4);
    expect(world.sites.running("app3")).toEqual(["lyon/app3"]);
  });

  it("gives the step more time than the longest grace that may be configured", async () => {
    const { events } = (await jobs[0]?.fetchHistory()) ?? {};
    const steps = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes);
    const step = steps.find((scheduled) => scheduled?.activityType?.name === "shutDownMachine");
    expect(Number(step?.startToCloseTimeout?.seconds)).toBeGreaterThan(3_600);
  });
});

/** From its beginning to its end, by the server's clock. */
async function seconds(job: WorkflowHandle | undefined): Promise<number> {
  const described = await job?.describe();
  return ((described?.closeTime?.getTime() ?? 0) - (described?.startTime.getTime() ?? 0)) / 1_000;
}
