import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { itemName } from "#domain/ids.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("a failover that failed", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const damaged = new Fault("REPLICA_INVALID", "The replica's files are damaged.");

  it("leaves a machine off that was off when it was to be shut down for it", async () => {
    const app = world.of("app4");
    await app.protect();
    world.sites.shutsDown("paris", "app4");
    world.sites.trouble({ at: "failOver", machine: "app4", fault: damaged });
    expect(await app.run("UnplannedFailover", { shutDownSource: true })).toMatchObject({ state: "Failed" });
    await app.item(({ activeJob, state }) => activeJob === undefined && state === "protected");
    expect(world.sites.called("shutDownMachine", "app4")).toBe(false);
    expect(world.sites.called("powerOnMachine", "app4")).toBe(false);
    expect((await app.state()).keptOn ?? null).toBeNull();
    expect(world.sites.running("app4")).toEqual([]);
  });

  it("sends what a machine wrote until it was shut down for it, and goes on without that when it cannot", async () => {
    const app = world.of("app7");
    await app.protect();
    const { result } = await app.run("UnplannedFailover", { shutDownSource: true });
    expect(world.sites.sent("app7").final).toBeGreaterThan(0);
    const points = await world.understudy.points(itemName("app7"));
    expect(result?.point).toBe(points.at(-1)?.id);

    const other = world.of("app8");
    await other.protect();
    const fault = new Fault("PEER_UNREACHABLE", "The link broke.");
    world.sites.trouble({ at: "replicate", machine: "app8", fault });
    const job = await other.run("UnplannedFailover", { shutDownSource: true });
    expect(job).toMatchObject({ state: "CompletedWithInformation" });
    expect(job.result?.information?.join()).toMatch(/could not be sent: .*The link broke\. They are lost\./);
    expect(world.sites.sent("app8").final).toBe(0);
    expect(world.sites.running("app8")).toEqual(["lyon/app8"]);
  });

  it("says no longer that the machine could not be started when it runs", async () => {
    const app = world.of("app5");
    await app.protect();
    const fault = new Fault("MACHINE_NOT_FOUND", "There is no machine app5.");
    world.sites.trouble({ at: "shutDownMachine", machine: "app5", fault: damaged });
    world.sites.trouble({ at: "keepMachineOn", machine: "app5", fault });
    world.sites.trouble({ at: "keepMachineOn", machine: "app5", wasOff: false });
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Failed" });
    const told = await app.item(({ health }) => health.some(({ code }) => code === fault.code));
    expect(told.replicationHealth).toBe("Critical");
    await app.item(({ health }) => health.every(({ code }) => code !== fault.code));
    expect(world.sites.running("app5")).toEqual(["paris/app5"]);
    expect((await app.state()).keptOn).toBeNull();
  });

  /** What failed over to, and its taking back, both fail: nobody knows whether its machine runs. */
  const unknown = async (name: string) => {
    const app = world.of(name);
    await app.protect();
    world.sites.trouble({ at: "failOver", machine: name, fault: damaged });
    world.sites.trouble({ at: "discardFailover", machine: name, fault: damaged });
    expect(await app.run("UnplannedFailover")).toMatchObject({ state: "Failed" });
    await app.item(() => world.sites.called("guardMachine", name));
    expect(world.sites.running(name)).toEqual([]);
    return app;
  };

  it("and could not be taken back says that the machine runs nowhere, and can be cancelled though it was not planned", async () => {
    const app = await unknown("app1");
    const dark = await app.item();
    expect(dark).toMatchObject({ state: "commit-pending", replicationHealth: "Critical" });
    expect(dark.health[0]).toMatchObject({
      code: "FAILOVER_UNCONFIRMED",
      severity: "Critical",
      message: expect.stringContaining("app1 runs nowhere, as far as is known"),
      action: expect.stringContaining("To go back to site paris: understudy cancel app1."),
    });
    world.sites.trouble({ at: "discardFailover", machine: "app1", fault: damaged });
    expect(await app.run("CancelFailover")).toMatchObject({ state: "Failed" });
    expect(world.sites.running("app1")).toEqual([]);
    expect(await app.run("CancelFailover")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app1")).toEqual(["paris/app1"]);
    expect(world.sites.isFenced("paris", "app1")).toBe(false);
    const back = await app.item(({ replicationHealth }) => replicationHealth === "Normal");
    expect(back).toMatchObject({ state: "protected", activeSite: "paris", health: [] });
  });

  it("and could not be taken back is one that cannot be cancelled any more once the machine runs at the target", async () => {
    const app = await unknown("app2");
    expect(await app.run("ChangePit", { point: { kind: "latest-processed" } })).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app2")).toEqual(["lyon/app2"]);
    const known = await app.item(({ activeJob }) => activeJob === undefined);
    expect(known.allowedOperations).toEqual(["Commit", "ChangePit"]);
    expect(known.health.map(({ code }) => code)).not.toContain("FAILOVER_UNCONFIRMED");
  });

  it("and whose job was terminated can be cancelled as well when it cannot be taken back", async () => {
    const app = world.of("app3");
    await app.protect();
    world.sites.trouble({ at: "failOver", machine: "app3", hold: Promise.withResolvers<void>().promise });
    world.sites.trouble({ at: "discardFailover", machine: "app3", fault: damaged });
    const job = await app.start("UnplannedFailover");
    await app.item(() => world.sites.called("failOver", "app3"));
    await world.environment.client.workflow.getHandle(job).terminate();
    const dark = await app.item(({ activeJob }) => activeJob === undefined);
    expect(dark).toMatchObject({ state: "commit-pending", replicationHealth: "Critical" });
    expect(await app.run("CancelFailover")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app3")).toEqual(["paris/app3"]);
  });
});
