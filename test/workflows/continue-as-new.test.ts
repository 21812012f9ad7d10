import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("an item that lives for years", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({
      serverArgs: ["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=120"],
    });
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("begins its history anew between jobs, with the same state, and loses no order", async () => {
    const app = world.of("app1");
    await app.protect();
    const handle = world.environment.client.workflow.getHandle(`item/${app.name}`);
    const { runId: firstRun } = await handle.describe();
    for (let round = 1; round <= 4; round += 1) {
      expect(await app.run("TestFailover")).toMatchObject({ state: "Succeeded" });
      expect(await app.run("TestFailoverCleanup")).toMatchObject({ state: "Succeeded" });
      expect(await app.run("PauseReplication")).toMatchObject({ state: "Succeeded" });
      expect(await app.run("ResumeReplication")).toMatchObject({ state: "Succeeded" });
    }
    const { runId, historyLength } = await handle.describe();
    expect(runId).not.toBe(firstRun);
    expect(historyLength).toBeLessThan(200);
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "commit-pending", epoch: 2 });
    expect(world.sites.sent("app1")).toMatchObject({ seed: 1_000_000, resynchronize: 0 });
  });
});
