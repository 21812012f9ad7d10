import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { cutId, instant } from "#domain/ids.ts";
import { type SkippingItem, type SkippingWorld, soon, startSkippingWorld } from "#test/support/skipping-world.ts";
import { lyon, paris } from "#test/support/temporal-world.ts";

/** How long a step lies in a site's queue until its worker is taken for gone. */
const scheduleToStart = 15;

describe("a site whose worker is gone, in virtual time", () => {
  let world: SkippingWorld;
  let app: SkippingItem;
  beforeAll(async () => {
    world = await startSkippingWorld();
    await world.startSite(lyon);
    app = await world.startItem("app1");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("is told in the item's health when a step has lain in its queue for 15 s, and asked again", async () => {
    await soon(async () => (await app.steps()).length === 1);
    // The last of it passes in real time: the lock that is not minded here must still be there when the server gives it back.
    await world.pass(scheduleToStart - 3, 1);
    expect((await app.state()).health).toEqual([]);
    await world.passUntil(async () => (await app.state()).failing?.attempts === 1 && (await app.steps()).length === 1);
    expect((await app.state()).health).toMatchObject([
      {
        code: "WORKER_UNAVAILABLE",
        severity: "Warning",
        message: expect.stringContaining("No worker of site paris took the step"),
      },
    ]);
    expect((await app.state()).stuck).toBe(false);
  });

  it("is not waited for by an unplanned failover: no step of it lies in that site's queue", async () => {
    const job = await app.order("UnplannedFailover");
    expect(await job.result()).toMatchObject({ point: "cut-1", machineName: "app1" });
    const { events } = await job.fetchHistory();
    const queues = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: step }) =>
      step ? [step.taskQueue?.name] : [],
    );
    expect(new Set(queues)).toEqual(new Set(["site/lyon"]));
    const { startTime, closeTime } = await job.describe();
    expect((closeTime?.getTime() ?? Infinity) - startTime.getTime()).toBeLessThan(scheduleToStart * 1_000);
    expect(world.sites.running("app1")).toEqual(["paris/app1", "lyon/app1"]);
    expect((await app.state()).lifecycle.state).toBe("commit-pending");
  });

  it("is fenced after a month: the step has lain in its queue, and is tried until the host answers", async () => {
    await soon(async () => (await app.state()).fence !== null && (await app.steps()).length === 1);
    const { historyLength } = await app.handle.describe();
    // The fence, and the step of the replication that was given up in its queue.
    await world.pass(30 * 86_400, 2);
    expect((await app.state()).fence).toMatchObject({ site: paris, host: "paris-1", epoch: 2 });
    expect((await app.handle.describe()).historyLength).toBe(historyLength);

    const tries: number[] = [];
    await world.startSite(paris, {
      async fenceMachine(request) {
        tries.push(await world.nowMs());
        if (tries.length <= 6) throw new Fault("HOST_UNREACHABLE", "The host paris-1 does not answer yet.");
        return await world.sites.activities(paris).fenceMachine(request);
      },
    });
    await world.pass(60, 1);
    const waited = tries.slice(1).map((at, index) => (at - (tries[index] ?? at)) / 1_000);
    expect(waited).toHaveLength(6);
    // Every second; what the machine needs for a try is part of it.
    for (const seconds of waited) {
      expect(seconds).toBeGreaterThanOrEqual(0.99);
      expect(seconds).toBeLessThan(3);
    }
    expect(world.sites.running("app1")).toEqual(["lyon/app1"]);
    expect(await app.state()).toMatchObject({ fence: null, guarded: { site: paris } });
    expect((await app.state()).health.map(({ message }) => message).join()).toContain("it has been turned off");
  });
});

it("an unplanned failover takes an older point where the newest one cannot be used, and says which that is", async () => {
  await using world = await startSkippingWorld();
  await world.startSite(lyon);
  // Its record at Lyon is damaged: what is listed there ends before it.
  const takenAt = instant((await world.nowMs()) + 3_600_000);
  const app = await world.startItem("app1", { lastSealed: { cut: cutId("cut-9"), takenAt, sealedAt: takenAt } });
  const job = await app.order("UnplannedFailover");
  expect(await job.result()).toMatchObject({
    point: "cut-1",
    information: [expect.stringContaining(`The newest recovery point cut-9 of ${takenAt} cannot be used at site lyon`)],
  });
});
