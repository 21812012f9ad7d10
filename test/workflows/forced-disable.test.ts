import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("a protection that is ended with force while a failover waits for its commit", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const rebuilt = new Fault("HOST_KEY_MISMATCH", "Host lyon-1 has another key than the configured one.");
  const refused = { state: "Failed", fault: { code: "OPERATION_NOT_ALLOWED" } };

  /** Its failover waits for the commit, and its old primary is fenced. */
  const failedOver = async (name: string) => {
    const app = world.of(name);
    await app.protect();
    await app.run("UnplannedFailover");
    await app.item(() => world.sites.called("guardMachine", name));
    return app;
  };

  it("is not ended when the target's worker is only away for some seconds", async () => {
    const app = await failedOver("app1");
    await world.stopSite("lyon");
    const job = await app.start("DisableProtection", { force: true });
    await sleep(6_500);
    await world.startSite("lyon");
    expect(await app.ended(job)).toMatchObject(refused);
    expect(await app.item()).toMatchObject({ state: "commit-pending", activeSite: "lyon" });
    expect(world.sites.running("app1")).toEqual(["lyon/app1"]);
  });

  it("is not ended when one look at the target fails", async () => {
    const app = await failedOver("app2");
    const fault = new Fault("HOST_UNREACHABLE", "The host lyon-1 does not answer.");
    world.sites.trouble({ at: "listPoints", machine: "app2", fault });
    expect(await app.run("DisableProtection", { force: true })).toMatchObject(refused);
    expect(await app.item()).toMatchObject({ state: "commit-pending" });
  });

  it("is not ended, and nothing is taken from the source, when the target refuses to delete its replica", async () => {
    const app = await failedOver("app3");
    world.sites.trouble({ at: "listPoints", machine: "app3", fault: rebuilt });
    expect(await app.run("DisableProtection", { force: true })).toMatchObject(refused);
    expect(world.sites.called("stopTracking", "app3")).toBe(false);
    expect(await app.item()).toMatchObject({ state: "commit-pending" });
    world.sites.startByHand("paris", "app3");
    await app.item(() => world.sites.running("app3").join() === "lyon/app3");
  });

  it("says that its host may start the machine when nobody has fenced it", async () => {
    const app = world.of("app4");
    await app.protect();
    const fault = new Fault("AUTHENTICATION_FAILED", "The host paris-1 refuses the key.");
    world.sites.trouble({ at: "fenceMachine", machine: "app4", fault });
    await app.run("UnplannedFailover");
    await app.item(({ health }) => health.some(({ code }) => code === fault.code));
    for (const at of ["listPoints", "deleteReplica"] as const)
      world.sites.trouble({ at, machine: "app4", fault: rebuilt });
    const given = await app.run("DisableProtection", { force: true });
    expect(given).toMatchObject({ state: "CompletedWithInformation" });
    expect(given.result?.information?.join()).toContain("never been fenced: host paris-1 may start it by itself");
  });

  it("is not ended when the order is cancelled", async () => {
    const app = await failedOver("app5");
    for (const at of ["listPoints", "deleteReplica"] as const)
      world.sites.trouble({ at, machine: "app5", fault: rebuilt });
    world.sites.trouble({ at: "stopTracking", machine: "app5", hold: Promise.withResolvers<void>().promise });
    const job = await app.start("DisableProtection", { force: true });
    await app.item(() => world.sites.called("stopTracking", "app5"));
    await world.understudy.cancel(job);
    expect(await app.ended(job)).toMatchObject({ state: "Cancelled" });
    expect(await app.item(({ activeJob }) => activeJob === undefined)).toMatchObject({
      state: "disabling",
      allowedOperations: ["DisableProtection"],
    });
  });

  it("has its old primary fenced again when the target is back after an earlier order died half-way", async () => {
    const app = await failedOver("app6");
    for (const at of ["listPoints", "deleteReplica"] as const)
      world.sites.trouble({ at, machine: "app6", fault: rebuilt });
    const held = Promise.withResolvers<void>();
    world.sites.trouble({ at: "stopTracking", machine: "app6", hold: held.promise });
    const job = await app.start("DisableProtection", { force: true });
    await app.item(() => world.sites.called("stopTracking", "app6"));
    await world.environment.client.workflow.getHandle(job).terminate();
    held.resolve();
    await app.item(({ activeJob }) => activeJob === undefined);
    const fences = () =>
      world.sites.calls.filter(({ activity, machine }) => activity === "fenceMachine" && machine === "app6").length;
    expect(fences()).toBe(1);
    expect(await app.run("DisableProtection", { force: true })).toMatchObject(refused);
    await app.item(() => fences() === 2);
    expect(await app.item()).toMatchObject({ state: "commit-pending" });
    expect((await app.state()).guarded).toMatchObject({ site: "paris" });
  });
});
