import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("a site that has been built anew, without its old primary", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const guards = (name: string) =>
    world.sites.calls.filter(({ activity, machine }) => activity === "guardMachine" && machine === name).length;

  it("becomes the replica's by copying everything, and the machine can come home", async () => {
    const app = world.of("app1");
    await app.protect();
    await world.stopSite("paris");
    await app.run("UnplannedFailover");
    await app.run("Commit");
    world.sites.removeMachine("paris", "app1");
    await world.startSite("paris");
    const job = await app.run("ReverseReplicate");
    expect(job).toMatchObject({ state: "CompletedWithInformation" });
    expect(job.result?.information?.join()).toContain("not on host paris-1 at site paris any more");
    expect(job.tasks.at(-1)?.detail).toMatch(/^all copied, .* sent$/);
    expect(world.sites.replicas("app1").map(({ site }) => site)).toEqual(["paris", "lyon"]);
    expect(await app.state()).toMatchObject({ fence: null, guarded: null });
    expect(await app.run("Failback")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app1")).toEqual(["paris/app1"]);
  });

  it("is reversed to again after an attempt that failed when the old primary had become the replica already", async () => {
    const app = world.of("app2");
    await app.protect();
    await app.run("PlannedFailover");
    await app.run("Commit");
    const fault = new Fault("REPLICA_INVALID", "The store lost writes.");
    world.sites.trouble({ at: "replicate", machine: "app2", mode: "run", fault });
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Failed" });
    // As libvirt's hosts do it.
    world.sites.removeMachine("paris", "app2");
    const job = await app.run("ReverseReplicate");
    expect(job).toMatchObject({ state: "Succeeded" });
    expect(job.tasks.at(-1)?.detail).toContain("only what is known to have changed");
  });

  it("is looked after: a machine that is made again there does not serve", async () => {
    const app = world.of("app3");
    await app.protect();
    world.sites.removeMachine("paris", "app3");
    await app.run("UnplannedFailover");
    await app.run("Commit");
    await app.item(() => guards("app3") > 0);
    expect(await app.state()).toMatchObject({ fence: null, guarded: { site: "paris", absent: true } });
    world.sites.placeMachine("paris", "app3");
    const told = await app.item(({ health }) => health.some(({ code }) => code === "STALE_EPOCH"));
    expect(told.health.map(({ message }) => message).join()).toContain("it has been turned off");
    expect(world.sites.running("app3")).toEqual(["lyon/app3"]);
    // One without a definition of its own: it is gone, and made once more.
    world.sites.removeMachine("paris", "app3");
    await app.item(() => guards("app3") > 1);
    world.sites.placeMachine("paris", "app3");
    await app.item(() => world.sites.running("app3").join() === "lyon/app3");
  });
});
