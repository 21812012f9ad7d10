import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { hostName, instant, machineId } from "#domain/ids.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("an item that cannot go on as it was meant to", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const rebuilt = new Fault("HOST_KEY_MISMATCH", "Host lyon-1 has another key.");

  it("is rid of a test failover that was interrupted before it had made a machine", async () => {
    const app = world.of("app1");
    await app.protect();
    world.sites.trouble({ at: "listPoints", machine: "app1", hold: Promise.withResolvers<void>().promise });
    await app.start("TestFailover");
    await app.item(() => world.sites.called("listPoints", "app1"));
    await app.run("UnplannedFailover");
    expect(await app.item()).toMatchObject({ state: "commit-pending", testFailover: "waiting-for-cleanup" });
    expect(await app.run("TestFailoverCleanup")).toMatchObject({
      state: "Succeeded",
      tasks: [{ state: "Succeeded" }, { state: "Skipped" }],
    });
    expect(await app.item()).not.toHaveProperty("lastSuccessfulTestFailover");
    expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
  });

  it("is protected again, and can be failed over, when a failover was cancelled and the source does not start", async () => {
    const app = world.of("app2");
    await app.protect();
    await app.run("PlannedFailover");
    const fault = new Fault("POWER_ON_FAILED", "There is no network br0.");
    world.sites.trouble({ at: "powerOnMachine", machine: "app2", fault });
    expect(await app.run("CancelFailover")).toMatchObject({
      state: "Failed",
      fault: { code: "POWER_ON_FAILED", message: expect.stringContaining("The failover has been taken back") },
    });
    expect(await app.item()).toMatchObject({ state: "protected", activeSite: "paris" });
    expect(world.sites.running("app2")).toEqual([]);
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app2")).toEqual(["lyon/app2"]);
    expect(await app.run("CancelFailover")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app2")).toEqual(["paris/app2"]);
  });

  it("goes on trying to start the source of a failover that was cancelled", async () => {
    const app = world.of("app3");
    await app.protect();
    await app.run("PlannedFailover");
    const fault = new Fault("POWER_ON_FAILED", "There is no network br0.");
    world.sites.trouble({ at: "powerOnMachine", machine: "app3", fault });
    await app.run("CancelFailover");
    const machine = { host: hostName("paris-1"), machine: machineId("id-app3") };
    await world.sites.activities("paris").unfenceMachine(machine);
    await app.item(() => world.sites.running("app3").join() === "paris/app3");
  });

  it("is given up with force while a failover waits for its commit, but only when nobody answers for its target", async () => {
    const app = world.of("app4");
    await app.protect();
    await app.run("UnplannedFailover");
    await app.item(() => world.sites.called("fenceMachine", "app4"));
    await expect(app.start("DisableProtection")).rejects.toMatchObject({
      code: "OPERATION_NOT_ALLOWED",
      message: expect.stringContaining("with force, when the site that it led to is gone for good"),
    });
    expect(await app.run("DisableProtection", { force: true })).toMatchObject({
      state: "Failed",
      fault: { code: "OPERATION_NOT_ALLOWED", message: expect.stringContaining("commit it, or cancel it") },
    });
    expect(await app.item()).toMatchObject({ state: "commit-pending", activeSite: "lyon" });

    for (const at of ["listPoints", "deleteReplica", "stopTracking"] as const) {
      world.sites.trouble({ at, machine: "app4", fault: rebuilt });
    }
    const given = await app.run("DisableProtection", { force: true });
    expect(given).toMatchObject({ state: "CompletedWithInformation" });
    expect(given.result?.information?.join()).toContain("does not answer for it");
    // Nobody is left that would turn it off again.
    expect(await app.item()).toMatchObject({ state: "unprotected", allowedOperations: ["EnableProtection"] });
    expect(await app.state()).toMatchObject({ fence: null, guarded: null });
  });

  it("is given up with force while a test machine stands, which goes with the replica, or is left where nobody answers", async () => {
    const [app, other] = [world.of("app5"), world.of("app6")];
    await Promise.all([app.protect(), other.protect()]);
    await Promise.all([app.run("TestFailover"), other.run("TestFailover")]);
    await expect(app.start("DisableProtection")).rejects.toMatchObject({
      message: expect.stringContaining("when its site is gone for good, order it with force"),
    });
    expect(await app.run("DisableProtection", { force: true })).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app5")).toEqual(["paris/app5"]);
    world.sites.trouble({ at: "deleteReplica", machine: "app6", fault: rebuilt });
    const given = await other.run("DisableProtection", { force: true });
    expect(given).toMatchObject({ state: "CompletedWithInformation" });
    expect(given.result?.information?.join()).toContain("Host lyon-1 has another key");
  });

  it("is protected as soon as the first copy is known to have a point, however that stretch ended", async () => {
    const app = world.of("app7");
    const at = instant(Date.now());
    // What the failure of a stretch carries: what it had achieved.
    const details = { bytesSent: 1, lastSealed: { cut: "cut-0", takenAt: at, sealedAt: at } };
    const fault = new Fault("AUTHENTICATION_FAILED", "The host refuses the key.", { details });
    world.sites.trouble({ at: "replicate", machine: "app7", fault, after: true });
    await app.start("EnableProtection");
    const first = await app.item(({ state }) => state === "protected");
    expect(first.allowedOperations).toContain("UnplannedFailover");
  });

  it("knows the point that its machine runs from when a change of it failed: the old one, or the new one after all", async () => {
    const apps = [world.of("app8"), world.of("app9")];
    const committed = apps.map(async (app, index) => {
      await app.protect();
      while (world.sites.replicas(app.name).some(({ points }) => points < 2)) await sleep(20);
      const [older, newer] = (await world.understudy.points(app.name)).map(({ id }) => id);
      if (older === undefined || newer === undefined) throw new Error("there are two points");
      await app.run("UnplannedFailover", { point: { kind: "custom", pointId: newer } });
      const fault = new Fault("REPLICA_INVALID", "The manifest is damaged.");
      world.sites.trouble({ at: "changePoint", machine: app.name, fault, after: index === 1 });
      const change = await app.run("ChangePit", { point: { kind: "custom", pointId: older } });
      expect(change).toMatchObject({ state: "Failed" });
      expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
      const [left, ...more] = await world.understudy.points(app.name);
      expect(more).toEqual([]);
      expect(left?.id).toBe(index === 0 ? newer : older);
      expect((await app.item()).lastSealed?.cut).toBe(left?.id);
    });
    await Promise.all(committed);
  });
});
