import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { hostName, machineId } from "#domain/ids.ts";
import { protectedItem } from "#test/support/protected-item.ts";
import { type ItemStory, paris, startWorld, type World } from "#test/support/temporal-world.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { itemWorkflowId, orchestratorQueue } from "#workflows/names.ts";

describe("a site that is lost", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("is not waited for by an unplanned failover, and its old primary is fenced when it is back", async () => {
    const app = world.of("app1");
    await app.protect();
    await world.stopSite("paris");
    await namesTheNewestPoint(world, app);
    const begun = Date.now();
    expect(await app.run("UnplannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(Date.now() - begun).toBeLessThan(5_000);
    await namesTheNewestPoint(world, app);
    expect(await app.run("Commit")).toMatchObject({ state: "Succeeded" });
    await namesTheNewestPoint(world, app);
    expect(world.sites.running("app1")).toEqual(["paris/app1", "lyon/app1"]);
    expect(await app.item()).toMatchObject({
      state: "failed-over",
      activeSite: "lyon",
      health: expect.arrayContaining([
        expect.objectContaining({
          code: "PRIMARY_NOT_FENCED",
          severity: "Warning",
          message: expect.stringMatching(/^The previous primary at site paris has not been fenced yet: .* since .*Z\./),
          action: expect.stringContaining("Keep host paris-1 from starting the machine"),
        }),
      ]),
    });

    await world.startSite("paris");
    await app.item(() => world.sites.running("app1").join() === "lyon/app1");
    const fenced = await app.item(({ health }) => health.some(({ code }) => code === "STALE_EPOCH"));
    expect(fenced.health).toMatchObject([
      { severity: "Warning", message: expect.stringContaining("turned off") },
      { code: "NOT_REPLICATED" },
    ]);
    expect((await app.state()).fence).toBeNull();
  });

  it("is looked after: whoever turns its old primary on by hand sees it turned off again, until it has become the replica", async () => {
    const app = world.of("app1");
    world.sites.startByHand("paris", "app1");
    await app.item(() => world.sites.running("app1").join() === "lyon/app1");
    const told = await app.item(({ health }) => health.some(({ message }) => message.includes("started again")));
    expect(told.health).toMatchObject([{ code: "STALE_EPOCH", severity: "Warning" }, { code: "NOT_REPLICATED" }]);
    const fault = new Fault("HOST_UNREACHABLE", "The host lyon-1 does not answer.");
    world.sites.trouble({ at: "replicate", machine: "app1", fault });
    const reversed = await app.run("ReverseReplicate");
    expect(reversed).toMatchObject({ state: "Succeeded" });
    const synchronized = reversed.tasks.find(({ name }) => name === "Synchronize changes");
    expect(synchronized).toMatchObject({
      state: "Succeeded",
      detail: expect.stringMatching(/^all compared by checksums, .* sent, after 2 attempts$/),
    });
    expect(await app.state()).toMatchObject({ guarded: null, health: [] });
  });

  it("compares the disks when its old primary has run after a planned failover, and does not trust what they were", async () => {
    const app = world.of("app7");
    await app.protect();
    await app.run("PlannedFailover");
    await app.run("Commit");
    expect((await app.state()).failover?.sourceContent).not.toBeNull();
    world.sites.startByHand("paris", "app7");
    await app.item(({ health }) => health.some(({ message }) => message.includes("started again")));
    expect((await app.state()).failover?.sourceContent).toBeNull();
    const { state, tasks } = await app.run("ReverseReplicate");
    expect(state).toBe("Succeeded");
    expect(tasks.at(-1)?.detail).toContain("compared by checksums");
    expect(world.sites.sent("app7").resynchronize).toBeGreaterThan(0);
  });

  it("has its status name the point that is left when an older one was failed over to", async () => {
    const app = world.of("app5");
    await app.protect();
    await world.stopSite("paris");
    const [first] = await world.understudy.points(app.name);
    if (first === undefined) throw new Error("a protected item has a point");
    await app.run("UnplannedFailover", { point: { kind: "custom", pointId: first.id } });
    await namesTheNewestPoint(world, app);
    await app.run("Commit");
    await namesTheNewestPoint(world, app);
    expect((await app.item()).lastSealed?.cut).toBe(first.id);
    await world.startSite("paris");
  });

  it("is asked to shut its machine down for seconds only, and the job says that it could not be", async () => {
    const app = world.of("app2");
    await app.protect();
    await world.stopSite("paris");
    const begun = Date.now();
    const job = await app.run("UnplannedFailover", { shutDownSource: true });
    expect(job).toMatchObject({ state: "CompletedWithInformation" });
    expect(job.result?.information?.join()).toContain("could not be shut down");
    expect(Date.now() - begun).toBeLessThan(15_000);
    await world.startSite("paris");
    await app.item(() => world.sites.running("app2").join() === "lyon/app2");
  });

  it("is still fenced when protection is disabled meanwhile", async () => {
    const app = world.of("app3");
    await app.protect();
    await world.stopSite("paris");
    await app.run("UnplannedFailover");
    await app.run("Commit");
    const job = await app.run("DisableProtection");
    expect(job).toMatchObject({ state: "CompletedWithInformation" });
    expect(await app.item()).toMatchObject({ state: "unprotected" });
    await world.startSite("paris");
    await app.item(() => world.sites.running("app3").join() === "lyon/app3");
  });

  it("is fenced where the old primary was, whatever the item's places have become by then", async () => {
    const app = world.of("app6");
    const item = protectedItem("app6");
    const { primary, secondary } = item.sides;
    const machine = machineId("id-app6");
    // Failed over from Paris, protection disabled, and begun anew from Lyon, while Paris was lost.
    world.sites.placeMachine("lyon", "app6");
    await world.environment.client.workflow.start("ProtectedItem", {
      taskQueue: orchestratorQueue,
      workflowId: itemWorkflowId(app.name),
      args: [
        {
          ...item,
          lifecycle: { ...item.lifecycle, state: "paused" },
          fence: { site: paris, host: hostName("paris-1"), machine, epoch: 2 },
          sides: {
            primary: { ...secondary, replica: null, machine: { id: machine, name: "app6" } },
            secondary: { ...primary, machine: null, replica: secondary.replica },
          },
        } satisfies ItemState,
      ],
    });
    await app.item(({ health }) => health.some(({ code }) => code === "STALE_EPOCH"));
    expect(world.sites.running("app6")).toEqual(["lyon/app6"]);
    const { health, ...rest } = await app.state();
    expect(rest).toMatchObject({ fence: null, guarded: null, earlierFences: [] });
    expect(health[0]?.message).toContain("The old primary at site paris was running");
  });

  it("is not protected anew before its old primary has been fenced: what runs there would be turned off", async () => {
    const app = world.of("app8");
    await app.protect();
    const fault = new Fault("AUTHENTICATION_FAILED", "The host paris-1 refuses the key.");
    world.sites.trouble({ at: "fenceMachine", machine: "app8", fault });
    await app.run("UnplannedFailover");
    await app.run("Commit");
    await app.item(({ health }) => health.some(({ code }) => code === fault.code));
    await app.run("DisableProtection");
    const job = await app.run("EnableProtection");
    expect(job).toMatchObject({ state: "Failed", fault: { code: "PREREQUISITES_FAILED" } });
    expect(job.fault?.message).toMatch(/site paris, fence: app8 was failed over from here .* yet to be turned off/);
    expect(await app.state()).toMatchObject({ fence: { site: paris, host: "paris-1" } });
  });

  it("makes a planned failover fail in its prerequisites, naming the site, and the machine stays where it is", async () => {
    const app = world.of("app4");
    await app.protect();
    await world.stopSite("lyon");
    const job = await app.run("PlannedFailover");
    expect(job).toMatchObject({ state: "Failed", fault: { code: "PREREQUISITES_FAILED" } });
    expect(job.fault?.message).toContain("lyon");
    await world.startSite("lyon");
    expect(world.sites.running("app4")).toEqual(["paris/app4"]);
    expect(await app.item()).toMatchObject({ state: "protected", epoch: 1 });
  });
});

/** What `status` says of an item whose replication stands still, and what the replica has. */
async function namesTheNewestPoint({ understudy }: World, { name }: ItemStory): Promise<void> {
  const newest = (await understudy.points(name)).at(-1);
  expect((await understudy.item(name)).lastSealed).toMatchObject({ cut: newest?.id, takenAt: newest?.takenAt });
}
