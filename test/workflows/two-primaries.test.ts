import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("two machines that could serve at once", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("fences the old primary when an unplanned failover cannot be taken back: two must not serve", async () => {
    const app = world.of("app1");
    await app.protect();
    const fault = new Fault("REPLICA_INVALID", "The replica's files are damaged.");
    world.sites.trouble({ at: "failOver", machine: "app1", fault, after: true });
    world.sites.trouble({ at: "discardFailover", machine: "app1", fault });
    expect(await app.run("UnplannedFailover")).toMatchObject({ state: "Failed" });
    await app.item(() => world.sites.running("app1").join() === "lyon/app1");
    expect(await app.item()).toMatchObject({ state: "commit-pending", activeSite: "lyon" });
    expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
    world.sites.startByHand("paris", "app1");
    await app.item(() => world.sites.running("app1").join() === "lyon/app1");
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
  });

  it("makes nothing final that does not run, and starts it when its recovery point is changed", async () => {
    const app = world.of("app2");
    await app.protect();
    const fault = new Fault("REPLICA_INVALID", "The replica's files are damaged.");
    world.sites.trouble({ at: "failOver", machine: "app2", fault });
    world.sites.trouble({ at: "discardFailover", machine: "app2", fault });
    expect(await app.run("UnplannedFailover")).toMatchObject({ state: "Failed" });
    const points = world.sites.replicas("app2")[0]?.points;
    expect(await app.run("Commit")).toMatchObject({
      state: "Failed",
      fault: { code: "MACHINE_NOT_FOUND", message: expect.stringContaining("Change the recovery point") },
    });
    expect(world.sites.replicas("app2")).toMatchObject([{ points }]);
    expect(await app.run("ChangePit", { point: { kind: "latest" } })).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app2")).toEqual(["lyon/app2"]);
    expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
  });

  it("goes on guarding the old primary when the replication could not be reversed, until it has been", async () => {
    const app = world.of("app3");
    await app.protect();
    await app.run("PlannedFailover");
    await app.run("Commit");
    const fault = new Fault("DISK_NOT_TRACKABLE", "Disk vda is raw.");
    world.sites.trouble({ at: "createReplica", machine: "app3", fault });
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Failed" });
    world.sites.startByHand("paris", "app3");
    await app.item(() => world.sites.running("app3").join() === "lyon/app3");
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    expect(await app.state()).toMatchObject({ fence: null, guarded: null });
  });

  it("compares an old primary that was started while its reversing was checked, and turned off by its guard", async () => {
    const app = world.of("app4");
    await app.protect();
    await app.run("PlannedFailover");
    await app.run("Commit");
    await app.item(() => world.sites.isFenced("paris", "app4"));
    const checks = Promise.withResolvers<void>();
    world.sites.trouble({ at: "checkTarget", machine: "app4", hold: checks.promise });
    const job = await app.start("ReverseReplicate");
    await app.item(() =>
      world.sites.calls.some(
        ({ site, activity, machine }) => machine === "app4" && activity === "checkTarget" && site === "paris",
      ),
    );
    world.sites.startByHand("paris", "app4");
    await app.item(({ health }) => health.some(({ code }) => code === "STALE_EPOCH"));
    checks.resolve();
    expect(await app.ended(job)).toMatchObject({ state: "Succeeded" });
    const made = world.sites.calls.findLast(
      ({ activity, machine }) => activity === "createReplica" && machine === "app4",
    );
    expect(made?.request).toMatchObject({ spec: { adopt: { machine: "id-app4" } } });
    expect(JSON.stringify(made?.request)).not.toContain('"content"');
  });
});
