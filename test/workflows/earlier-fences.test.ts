import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostName, itemName } from "#domain/ids.ts";
import { type ItemStory, lyon, paris, startWorld, type World } from "#test/support/temporal-world.ts";

describe("an old primary of an earlier protection that has yet to be fenced", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const atParis = { site: paris, host: "paris-1" };

  /** Failed over from paris-1, which answers nothing until `back`, and protected anew from lyon-1 to paris-2. */
  async function protectedAnew(name: string): Promise<{ readonly app: ItemStory; back(): void }> {
    const app = world.of(name);
    const silence = Promise.withResolvers<void>();
    await app.protect();
    world.sites.trouble({ at: "fenceMachine", machine: name, hold: silence.promise });
    await app.run("UnplannedFailover");
    await app.run("Commit");
    await app.run("DisableProtection");
    const { sites, items, ...rest } = await world.understudy.configuration();
    const [first, item] = [sites[paris], items[itemName(name)]];
    const host = first?.hosts[hostName("paris-1")];
    if (first === undefined || host === undefined || item === undefined)
      throw new Error("not the world's configuration");
    const hosts = { ...first.hosts, "paris-2": { ...host, name: hostName("paris-2") } };
    const moved = {
      ...item,
      primary: { site: lyon, host: hostName("lyon-1") },
      secondary: { site: paris, host: hostName("paris-2") },
    };
    await world.understudy.apply({
      ...rest,
      sites: { ...sites, [paris]: { ...first, hosts } },
      items: { ...items, [name]: moved },
    });
    await app.protect();
    return { app, back: silence.resolve };
  }

  it("is kept in mind beside the new protection's own: planned failover, cancel", async () => {
    const { app, back } = await protectedAnew("app1");
    expect(await app.state()).toMatchObject({ fence: null, earlierFences: [atParis] });
    expect((await app.item()).health).toMatchObject([
      { code: "PRIMARY_NOT_FENCED", message: expect.stringContaining("host paris-1") },
    ]);
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Succeeded" });
    expect(await app.run("CancelFailover")).toMatchObject({ state: "Succeeded" });
    expect(await app.state()).toMatchObject({ fence: null, guarded: null, earlierFences: [atParis] });
    back();
    await app.item(({ health }) => health.every(({ code }) => code !== "PRIMARY_NOT_FENCED"));
    expect(await app.state()).toMatchObject({ fence: null, guarded: null, earlierFences: [] });
  });

  it("does not keep the present old primary from being guarded, nor from becoming the replica", async () => {
    const { app } = await protectedAnew("app2");
    await app.run("PlannedFailover");
    await app.run("Commit");
    world.sites.startByHand("lyon", "app2");
    await app.item(() => !world.sites.running("app2").includes("lyon/app2"));
    expect(await app.run("ReverseReplicate")).toMatchObject({ state: expect.stringMatching(/Succeeded|Completed/) });
    expect(await app.state()).toMatchObject({ fence: null, guarded: null, earlierFences: [atParis] });
  });

  it("is fenced beside the next one, after a second unplanned failover", async () => {
    const { app, back } = await protectedAnew("app3");
    await app.run("UnplannedFailover");
    await app.item(() => world.sites.isFenced("lyon", "app3"));
    const atLyon = { site: lyon, host: "lyon-1" };
    expect(await app.state()).toMatchObject({ guarded: atLyon, earlierFences: [atParis] });
    back();
    await app.item(({ health }) => health.every(({ code }) => code !== "PRIMARY_NOT_FENCED"));
    expect(await app.state()).toMatchObject({ fence: null, guarded: atLyon });
  });
});
