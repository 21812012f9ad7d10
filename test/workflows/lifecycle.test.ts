import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("the life of a protected machine", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("goes from enabling over a planned failover, its commit and reverse replication home again, and copies the machine once", async () => {
    const app = world.of("app1");
    expect(await app.run("EnableProtection")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "protected", epoch: 1, activeSite: "paris" });
    expect(world.sites.running("app1")).toEqual(["paris/app1"]);

    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "commit-pending", epoch: 2, activeSite: "lyon" });
    expect(world.sites.running("app1")).toEqual(["lyon/app1"]);

    expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "failed-over-protected" });

    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "protected", activeSite: "lyon" });
    expect(world.sites.sent("app1").resynchronize).toBe(0);

    expect(await app.run("Failback")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app1")).toEqual(["paris/app1"]);
    expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "protected", activeSite: "paris", epoch: 3 });
    expect(world.sites.sent("app1").seed).toBe(1_000_000);
  });

  it("hands copies that were carried by hand to the target, for its checks and for the replica", async () => {
    const app = world.of("app9");
    const copies = { vda: "/srv/carried/vda.qcow2" };
    await app.run("EnableProtection", { copies });
    const asked = world.sites.calls.filter(
      ({ machine, request }) => machine === "app9" && specOf(request) !== undefined,
    );
    expect(asked.map(({ activity }) => activity)).toEqual(["checkTarget", "createReplica"]);
    expect(asked.map(({ request }) => specOf(request))).toEqual([{ copies }, { copies }]);
  });

  it("names the tasks as Azure Site Recovery does, in their order", async () => {
    const app = world.of("app2");
    const { tasks } = await app.run("EnableProtection");
    expect(tasks.map(({ name, state }) => `${state}: ${name}`)).toEqual([
      "Succeeded: Prerequisites check for enabling protection",
      "Succeeded: Identifying replication target",
      "Succeeded: Enable replication",
      "Succeeded: Starting initial replication",
      "Succeeded: Updating provider states",
    ]);
    await expect
      .poll(async () =>
        (await world.understudy.jobs({ item: app.name, limit: 10 })).map(
          ({ scenario, state }) => `${state}: ${scenario}`,
        ),
      )
      .toEqual(["Succeeded: Finalize protection", "Succeeded: Enable protection"]);
  });

  it("after an unplanned failover is not protected, can change its point before the commit, and comes back by comparing", async () => {
    const app = world.of("app3");
    await app.protect();
    const [first] = await world.understudy.points(app.name);
    if (first === undefined) throw new Error("a protected machine has a point");
    expect(await app.run("UnplannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "commit-pending", activeSite: "lyon", epoch: 2 });
    await app.item(() => world.sites.running("app3").join() === "lyon/app3");

    const change = await app.run("ChangePit", { point: { kind: "custom", pointId: first.id } });
    expect(change).toMatchObject({ state: "Succeeded", result: { point: first.id } });
    expect(await app.item()).toMatchObject({ state: "commit-pending", epoch: 3 });

    expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "failed-over", replicationHealth: "Warning" });
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    expect(await app.item()).toMatchObject({ state: "protected", activeSite: "lyon" });
    expect(world.sites.sent("app3").resynchronize).toBeGreaterThan(0);
  });

  it("takes a planned failover back before its commit and goes on replicating under a newer epoch", async () => {
    const app = world.of("app4");
    await app.protect();
    await app.run("PlannedFailover");
    expect(await app.run("CancelFailover")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app4")).toEqual(["paris/app4"]);
    expect(await app.item()).toMatchObject({
      state: "protected",
      activeSite: "paris",
      epoch: 3,
      replicationHealth: "Normal",
    });
    expect(world.sites.sent("app4").seed).toBe(1_000_000);
  });

  it("boots a test machine beside the running one while replication goes on, and counts the test when it is cleaned up", async () => {
    const app = world.of("app5");
    await app.protect();
    expect(await app.run("TestFailover")).toMatchObject({ state: "Succeeded", result: { machineName: "app5-Test" } });
    expect(world.sites.running("app5")).toEqual(["paris/app5", "lyon/app5-Test"]);
    const during = await app.item();
    expect(during).toMatchObject({ state: "protected", testFailover: "waiting-for-cleanup", epoch: 1 });
    expect(during.lastSuccessfulTestFailover).toBeUndefined();
    await app.item(({ lastSealed }) => lastSealed?.cut !== during.lastSealed?.cut);

    expect(await app.run("TestFailoverCleanup")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app5")).toEqual(["paris/app5"]);
    expect((await app.item()).lastSuccessfulTestFailover).toBeDefined();
  });

  it("rests while it is paused and goes on from the last cut when it is resumed", async () => {
    const app = world.of("app6");
    await app.protect();
    await app.run("PauseReplication");
    const paused = await app.item();
    expect(paused.state).toBe("paused");
    const sent = world.sites.sent("app6").run;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(world.sites.sent("app6").run).toBe(sent);
    await app.run("ResumeReplication");
    await app.item(() => world.sites.sent("app6").run > sent);
    expect(world.sites.sent("app6").seed).toBe(1_000_000);
  });

  it("leaves nothing behind when protection is disabled after a way there and back", async () => {
    const app = world.of("app7");
    await app.protect();
    for (const operation of [
      "PlannedFailover",
      "Commit",
      "ReverseReplicate",
      "Failback",
      "Commit",
      "ReverseReplicate",
    ] as const) {
      expect(await app.run(operation)).toMatchObject({ state: "Succeeded" });
    }
    expect(await app.run("DisableProtection")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.replicas("app7")).toEqual([]);
    expect(world.sites.running("app7")).toEqual(["paris/app7"]);
    expect(await app.item()).toMatchObject({ state: "unprotected", allowedOperations: ["EnableProtection"] });
    expect(await app.run("EnableProtection")).toMatchObject({ state: "Succeeded" });
  });

  it("resynchronizes by hand when asked, and by itself when tracking was lost", async () => {
    const app = world.of("app8");
    await app.protect();
    expect(await app.run("RepairReplication")).toMatchObject({ state: "Succeeded" });
    const byHand = world.sites.sent("app8").resynchronize;
    expect(byHand).toBeGreaterThan(0);

    world.sites.loseTracking("app8");
    await app.item(() => world.sites.sent("app8").resynchronize > byHand);
    await app.item(({ state, replicationHealth }) => state === "protected" && replicationHealth === "Normal");
    expect(world.sites.sent("app8").seed).toBe(1_000_000);
    const jobs = await world.understudy.jobs({ item: app.name, limit: 10 });
    expect(jobs.filter(({ operation }) => operation === "RepairReplication")).toHaveLength(2);
  });
});

const specOf = (request: unknown): unknown => {
  const spec = typeof request === "object" && request !== null && "spec" in request ? request.spec : undefined;
  return typeof spec === "object" && spec !== null && "copies" in spec ? { copies: spec.copies } : undefined;
};
