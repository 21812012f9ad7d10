import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("a reverse replication that fails", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("leaves nothing behind when protection is disabled after it: the replica it had prepared is deleted", async () => {
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
});
