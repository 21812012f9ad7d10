import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("what is left at a site", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("is deleted when protection is disabled: also a replica that a failed reverse replication had prepared", async () => {
    const app = world.of("app1");
    await app.protect();
    await app.run("PlannedFailover");
    await app.run("Commit");
    const fault = new Fault("REPLICA_INVALID", "The store lost writes.");
    world.sites.trouble({ at: "createReplica", machine: "app1", fault, after: true });
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Failed" });
    expect(world.sites.replicas("app1").map(({ site }) => site)).toEqual(["paris", "lyon"]);
    expect(await app.run("DisableProtection")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.replicas("app1")).toEqual([]);
  });

  it("does not hinder a later protection, whose epochs begin anew, and is not touched by it", async () => {
    const app = world.of("app2");
    await app.protect();
    await app.run("PlannedFailover");
    await app.run("CancelFailover");
    const fault = new Fault("REPLICA_INVALID", "The store lost writes.");
    world.sites.trouble({ at: "deleteReplica", machine: "app2", fault });
    expect(await app.run("DisableProtection", { force: true })).toMatchObject({ state: "CompletedWithInformation" });
    // Nothing of it is known any more.
    await app.item(({ epoch }) => epoch === 0);
    const [left] = world.sites.replicas("app2");
    expect(left).toMatchObject({ site: "lyon", epoch: 3 });
    await app.protect();
    // Its workflow may still have been there, and counts on then.
    expect(world.sites.replicas("app2")).toMatchObject([left, { site: "lyon" }]);
    expect(new Set(world.sites.replicas("app2").map(({ id }) => id)).size).toBe(2);
    await app.run("PlannedFailover");
    expect(world.sites.running("app2")).toEqual(["lyon/app2"]);
    await app.run("CancelFailover");
    expect(await app.run("DisableProtection")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.replicas("app2")).toEqual([left]);
  });

  it("of a try at protection that was terminated in the middle of it is deleted at once", async () => {
    const app = world.of("app4");
    const fault = new Fault("HOST_UNREACHABLE", "The connection to lyon-1 broke.");
    for (const _try of [1, 2, 3]) world.sites.trouble({ at: "createReplica", machine: "app4", fault, after: true });
    const job = await app.start("EnableProtection");
    await app.item(() => world.sites.replicas("app4").length === 1);
    await world.environment.client.workflow.getHandle(job).terminate();
    await app.item(() => world.sites.replicas("app4").length === 0);
    expect(await app.item()).toMatchObject({ state: "unprotected" });
  });

  it("is no longer known of than it is there: copies that later ones have taken the place of are forgotten", async () => {
    const app = world.of("app3");
    await app.protect();
    for (const operation of ["PlannedFailover", "Failback", "PlannedFailover"] as const) {
      expect(await app.run(operation)).toMatchObject({ state: "Succeeded" });
      expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
      expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    }
    const { primary, secondary } = (await app.state()).sides;
    const known = [primary, secondary].flatMap(({ replica, retired }) => [replica, ...retired]);
    expect(known).toEqual(world.sites.replicas("app3").map(({ id }) => id));
    expect(known).toHaveLength(2);
  });
});
