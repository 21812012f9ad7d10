import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { app1, startWorld, type World } from "#test/support/temporal-world.ts";

describe("the life of a protected machine", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("goes from enabling over a planned failover, its commit and reverse replication home again", async () => {
    expect(await world.run("EnableProtection")).toMatchObject({ state: "Succeeded" });
    expect(await world.item()).toMatchObject({ state: "protected", epoch: 1, activeSite: "paris" });
    expect(world.sites.running()).toEqual(["paris/app1"]);

    expect(await world.run("PlannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(await world.item()).toMatchObject({ state: "commit-pending", epoch: 2, activeSite: "lyon" });
    expect(world.sites.running()).toEqual(["lyon/app1"]);

    expect(await world.run("Commit")).toMatchObject({ state: "Succeeded" });
    expect(await world.item()).toMatchObject({ state: "failed-over-protected" });

    expect(await world.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    expect(await world.item()).toMatchObject({ state: "protected", activeSite: "lyon" });
    expect(world.sites.sent.resynchronize).toBe(0);

    expect(await world.run("Failback")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running()).toEqual(["paris/app1"]);
    expect(await world.run("Commit")).toMatchObject({ state: "Succeeded" });
    expect(await world.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    expect(await world.item()).toMatchObject({ item: app1, state: "protected", activeSite: "paris", epoch: 3 });
    expect(world.sites.sent.seed).toBe(1_000_000);
  });
});
