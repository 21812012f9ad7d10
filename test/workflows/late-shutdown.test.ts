import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("a failover that does not come about", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const never = Promise.withResolvers<void>().promise;
  const damaged = new Fault("REPLICA_INVALID", "The replica's files are damaged.");

  /** The guest does what it was asked to; the machine must be on again. */
  const shutsDownLate = async (name: string) => {
    const app = world.of(name);
    expect(world.sites.running(name)).toEqual([`paris/${name}`]);
    await app.item(({ activeJob }) => activeJob === undefined);
    world.sites.shutsDown("paris", name);
    const after = await app.item(({ health }) => health.some(({ code }) => code === "SHUTDOWN_TIMED_OUT"));
    expect(world.sites.running(name)).toEqual([`paris/${name}`]);
    expect(after).toMatchObject({ state: "protected", activeSite: "paris" });
    expect(after.health.map(({ message }) => message).join()).toContain("has been turned on again");
  };

  it("turns a guest on again that shuts down only after the failover was cancelled", async () => {
    const app = world.of("app1");
    await app.protect();
    world.sites.trouble({ at: "shutDownMachine", machine: "app1", hold: never });
    const job = await app.start("PlannedFailover");
    await app.item(() => world.sites.called("shutDownMachine", "app1"));
    await world.understudy.cancel(job);
    expect(await app.ended(job)).toMatchObject({ state: "Cancelled" });
    await shutsDownLate("app1");
    // From then on it is its owner's to shut down.
    expect((await app.state()).keptOn).toBeNull();
  });

  it("turns a guest on again that took longer than its grace, and leaves it to the next failover that shuts it down", async () => {
    const app = world.of("app2");
    await app.protect();
    const fault = new Fault("SHUTDOWN_TIMED_OUT", "The guest did not shut down within 60 s.");
    world.sites.trouble({ at: "shutDownMachine", machine: "app2", fault });
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Failed" });
    await shutsDownLate("app2");
    world.sites.trouble({ at: "shutDownMachine", machine: "app2", fault });
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Failed" });
    await app.item(() => world.sites.called("keepMachineOn", "app2"));
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app2")).toEqual(["lyon/app2"]);
    expect((await app.state()).keptOn).toBeNull();
  });

  it("turns a guest on again that shuts down after the job was terminated", async () => {
    const app = world.of("app3");
    await app.protect();
    world.sites.trouble({ at: "shutDownMachine", machine: "app3", hold: never });
    const job = await app.start("PlannedFailover");
    await app.item(() => world.sites.called("shutDownMachine", "app3"));
    await world.environment.client.workflow.getHandle(job).terminate();
    await app.item(({ activeJob }) => activeJob === undefined);
    await shutsDownLate("app3");
  });

  it("leaves a machine that was off as it was: off, and not fenced", async () => {
    const app = world.of("app4");
    await app.protect();
    world.sites.shutsDown("paris", "app4");
    world.sites.trouble({ at: "failOver", machine: "app4", fault: damaged });
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Failed", fault: { code: "REPLICA_INVALID" } });
    expect(world.sites.called("fenceMachine", "app4")).toBe(true);
    expect(world.sites.isFenced("paris", "app4")).toBe(false);
    expect(world.sites.running("app4")).toEqual([]);
    expect(await app.item(({ activeJob }) => activeJob === undefined)).toMatchObject({ state: "protected" });
  });

  it("turns a machine on again that was off, was started meanwhile, and was turned off by the failover", async () => {
    const app = world.of("app5");
    await app.protect();
    world.sites.shutsDown("paris", "app5");
    const held = Promise.withResolvers<void>();
    world.sites.trouble({ at: "fenceMachine", machine: "app5", hold: held.promise });
    const job = await app.start("PlannedFailover");
    await app.item(() => world.sites.called("fenceMachine", "app5"));
    world.sites.startByHand("paris", "app5");
    held.resolve();
    expect(await app.ended(job)).toMatchObject({ state: "Failed", fault: { code: "MACHINE_RUNNING" } });
    expect(world.sites.running("app5")).toEqual(["paris/app5"]);
    expect(world.sites.isFenced("paris", "app5")).toBe(false);
  });

  it("frees a machine that was off of its fence also when the job was terminated", async () => {
    const app = world.of("app6");
    await app.protect();
    world.sites.shutsDown("paris", "app6");
    world.sites.trouble({ at: "failOver", machine: "app6", hold: never });
    const job = await app.start("PlannedFailover");
    await app.item(() => world.sites.called("failOver", "app6"));
    expect(world.sites.isFenced("paris", "app6")).toBe(true);
    await world.environment.client.workflow.getHandle(job).terminate();
    await app.item(({ activeJob }) => activeJob === undefined);
    expect(world.sites.isFenced("paris", "app6")).toBe(false);
    expect(world.sites.running("app6")).toEqual([]);
  });

  it("turns a machine on again that was shut down for an unplanned failover which failed", async () => {
    const app = world.of("app7");
    await app.protect();
    world.sites.trouble({ at: "failOver", machine: "app7", fault: damaged });
    const job = await app.run("UnplannedFailover", { shutDownSource: true });
    expect(job).toMatchObject({ state: "Failed", fault: { code: "REPLICA_INVALID" } });
    expect(world.sites.called("shutDownMachine", "app7")).toBe(true);
    expect(world.sites.running("app7")).toEqual(["paris/app7"]);
    expect(await app.item(({ activeJob }) => activeJob === undefined)).toMatchObject({ state: "protected" });
  });

  it("goes on trying to start a machine that could not be turned on again", async () => {
    const app = world.of("app8");
    await app.protect();
    world.sites.trouble({ at: "shutDownMachine", machine: "app8", fault: damaged, after: true });
    const fault = new Fault("POWER_ON_FAILED", "There is no network br0.");
    world.sites.trouble({ at: "powerOnMachine", machine: "app8", fault });
    expect((await app.run("PlannedFailover")).fault?.message).toContain("There is no network br0");
    await app.item(() => world.sites.running("app8").join() === "paris/app8");
  });
});
