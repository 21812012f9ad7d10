import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Configuration, ItemConfiguration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { itemName } from "#domain/ids.ts";
import { type ItemStory, startWorld, twoSiteConfiguration, type World } from "#test/support/temporal-world.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/** Longer than the doubles take for several looks. */
const aWhileMs = 500;
const byHost = { byHost: true, held: false };
const held = { byHost: false, held: true };

describe("a machine whose host would start it by itself", () => {
  let world: World;
  const startedBy = (setting: NonNullable<ItemConfiguration["autostart"]>, only?: string): Configuration => {
    const configuration = twoSiteConfiguration();
    const items = Object.entries(configuration.items).map(([name, item]) => [
      name,
      only === undefined || name === only ? { ...item, autostart: setting } : { ...item, autostart: "understudy" },
    ]);
    return { ...configuration, items: Object.fromEntries(items) as Configuration["items"] };
  };
  beforeAll(async () => {
    world = await startWorld();
    await world.understudy.apply(startedBy("host", "app7"));
    for (const name of Object.keys(twoSiteConfiguration().items))
      world.sites.startsOf("paris").byHost.add(`id-${name}`);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** Fails when it does not come to that. */
  const until = async (what: () => unknown, is: unknown) => {
    await expect.poll(what, { timeout: 20_000, interval: 50 }).toEqual(is);
  };
  const autostartOf = (site: string, name: string) => {
    const { byHost, isHeld } = world.sites.startsOf(site);
    return { byHost: byHost.has(`id-${name}`), held: isHeld(`id-${name}`) };
  };
  /** Nothing is left to be done for it. */
  const isOver = async ({ name }: ItemStory) => {
    const workflow = world.environment.client.workflow.getHandle(itemWorkflowId(name));
    await until(async () => (await workflow.describe()).status.name, "COMPLETED");
  };
  const startsOf = (name: string) =>
    world.sites.calls.filter(({ activity, machine }) => activity === "startHeldMachine" && machine === name).length;

  it("is protected with a word of what that may lead to, unless Understudy starts it", async () => {
    const job = await world.of("app7").run("EnableProtection");
    expect(job).toMatchObject({ state: "CompletedWithInformation" });
    expect(job.result?.information).toEqual([
      expect.stringMatching(
        /^primary site paris, autostart: Host paris-1 starts app7 by itself .* set items\.app7\.autostart to understudy/,
      ),
    ]);
    expect(autostartOf("paris", "app7")).toEqual(byHost);
    expect(await world.of("app1").run("EnableProtection")).toMatchObject({ state: "Succeeded" });
    await until(() => autostartOf("paris", "app1"), held);
  });

  it("is started after a restart of its host, and left off when somebody has shut it down", async () => {
    world.sites.restartHost("paris");
    expect(world.sites.running("app1")).toEqual([]);
    await until(() => world.sites.running("app1"), ["paris/app1"]);
    world.sites.shutsDown("paris", "app1");
    await sleep(aWhileMs);
    expect(world.sites.running("app1")).toEqual([]);
    expect(startsOf("app1")).toBe(1);
  });

  it("is not started beside the one that took its place, whichever of host and worker is back first", async () => {
    const app = world.of("app2");
    await app.protect();
    await until(() => autostartOf("paris", "app2"), held);
    await world.stopSite("paris");
    expect(await app.run("UnplannedFailover")).toMatchObject({ state: "Succeeded" });
    world.sites.restartHost("paris");
    await sleep(aWhileMs);
    expect(world.sites.running("app2")).toEqual(["lyon/app2"]);
    await world.startSite("paris");
    await until(() => world.sites.isFenced("paris", "app2"), true);
    await sleep(aWhileMs);
    expect(world.sites.running("app2")).toEqual(["lyon/app2"]);
    expect(startsOf("app2")).toBe(0);
    expect((await app.state()).held).toEqual([]);
    expect(autostartOf("lyon", "app2")).toEqual(byHost);
  });

  it("is held where it runs once replication is reversed, and at home again", async () => {
    const app = world.of("app2");
    await app.run("Commit");
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    await until(() => autostartOf("lyon", "app2"), held);
    expect(await app.run("Failback")).toMatchObject({ state: "Succeeded" });
    expect(autostartOf("paris", "app2")).toEqual(byHost);
    await app.run("Commit");
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: "Succeeded" });
    await until(() => autostartOf("paris", "app2"), held);
  });

  it("is held again after a failover that was cancelled", async () => {
    const app = world.of("app3");
    await app.protect();
    await until(() => autostartOf("paris", "app3"), held);
    await app.run("PlannedFailover");
    expect(autostartOf("paris", "app3")).toEqual({ byHost: false, held: false });
    await app.run("CancelFailover");
    await until(() => autostartOf("paris", "app3"), held);
    expect(world.sites.running("app3")).toEqual(["paris/app3"]);
  });

  it("is its host's to start again as soon as the configuration says so, and when the protection ends", async () => {
    const app = world.of("app4");
    await app.protect();
    await until(() => autostartOf("paris", "app4"), held);
    await world.understudy.apply(startedBy("host", "app4"));
    await until(() => autostartOf("paris", "app4"), byHost);
    await world.understudy.apply(startedBy("understudy"));
    await until(() => autostartOf("paris", "app4"), held);
    expect(await app.run("DisableProtection")).toMatchObject({ state: "Succeeded" });
    expect(autostartOf("paris", "app4")).toEqual(byHost);
    await isOver(app);
  });

  it("is its host's to start again also when that could not be reached as the protection ended", async () => {
    const app = world.of("app5");
    await app.protect();
    await until(() => autostartOf("paris", "app5"), held);
    const fault = new Fault("HOST_UNREACHABLE", "The host paris-1 does not answer.");
    for (let attempt = 0; attempt < 8; attempt += 1)
      world.sites.trouble({
        at: "stopTracking",
        machine: "app5",
        fault: new Fault("PERMISSION_DENIED", fault.message),
      });
    world.sites.trouble({ at: "giveAutostartBack", machine: "app5", fault });
    expect(await app.run("DisableProtection", { force: true })).toMatchObject({ state: "CompletedWithInformation" });
    await until(() => autostartOf("paris", "app5"), byHost);
    await isOver(app);
  });

  it("has its health say when it cannot be started, until it can", async () => {
    const app = world.of("app6");
    await app.protect();
    await until(() => autostartOf("paris", "app6"), held);
    const fault = new Fault("POWER_ON_FAILED", "Machine app6 could not be started: its network is not there.");
    world.sites.trouble({ at: "startHeldMachine", machine: "app6", fault });
    world.sites.restartHost("paris");
    const { health } = await app.item((view) => view.health.some(({ code }) => code === "POWER_ON_FAILED"));
    expect(health.find(({ code }) => code === "POWER_ON_FAILED")).toMatchObject({
      severity: "Warning",
      message: expect.stringContaining("start of the machine at site paris after a restart of its host, and cannot"),
    });
    await until(() => world.sites.running("app6"), ["paris/app6"]);
    await app.item((view) => view.health.every(({ code }) => code !== "POWER_ON_FAILED"));
    expect(world.sites.running(itemName("app6"))).toEqual(["paris/app6"]);
  });
});
