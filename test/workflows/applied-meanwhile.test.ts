import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReplicateRequest } from "#activities/replication/request.ts";
import type { Configuration } from "#domain/configuration.ts";
import { lyon, startWorld, twoSiteConfiguration, type World } from "#test/support/temporal-world.ts";
import { itemConfigured } from "#workflows/messages.ts";
import { itemWorkflowId } from "#workflows/names.ts";

describe("a configuration that is applied while a job runs", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const called = (name: string, of: string) =>
    world.sites.calls.filter(({ activity, machine }) => activity === name && machine === of);
  const never = Promise.withResolvers<void>().promise;

  it("is not overwritten when the job ends: the replica is reached at its new address", async () => {
    const app = world.of("app1");
    await app.protect();
    const held = Promise.withResolvers<void>();
    world.sites.trouble({ at: "failOver", machine: "app1", hold: held.promise });
    const job = await app.start("PlannedFailover");
    await app.item(() => called("failOver", "app1").length > 0);
    await world.understudy.apply(withPort(twoSiteConfiguration(), 9_999));
    held.resolve();
    expect(await app.ended(job)).toMatchObject({ state: "Succeeded" });
    const { sides } = await app.state();
    expect(sides.secondary).toMatchObject({ machine: { name: "app1" }, stream: { port: 9_999 } });
  });

  it("holds at once for a resynchronization that runs for hours, which goes on under it", async () => {
    const app = world.of("app2");
    await app.protect();
    world.sites.trouble({ at: "replicate", machine: "app2", hold: never, mode: "resynchronize" });
    const job = await app.start("RepairReplication");
    const resynchronizations = () =>
      called("replicate", "app2")
        .map(({ request }) => (request as { readonly request: ReplicateRequest }).request)
        .filter(({ mode }) => mode === "resynchronize");
    await app.item(() => resynchronizations().length === 1);
    await world.understudy.apply(twoSiteConfiguration({ retentionSeconds: 7_200 }));
    expect(await app.ended(job)).toMatchObject({ state: "Succeeded" });
    expect(resynchronizations().map(({ policy }) => policy.retentionSeconds)).toEqual([86_400, 7_200]);
    expect((await app.state()).policy.retentionSeconds).toBe(7_200);
  });

  it("reaches an item that does not go by it, however that came, when it is applied once more", async () => {
    const app = world.of("app3");
    await app.protect();
    const { configuration, policy, networkMappings, sides } = await app.state();
    await world.environment.client.workflow.getHandle(itemWorkflowId(app.name)).signal(itemConfigured, {
      configuration,
      policy,
      networkMappings,
      streams: { primary: sides.primary.stream, secondary: { address: "192.0.2.1", port: 1 } },
    });
    expect((await app.state()).sides.secondary.stream.port).toBe(1);
    const applied = await world.understudy.configuration();
    expect(await world.understudy.apply(applied)).toEqual([]);
    expect((await app.state()).sides.secondary.stream).toEqual(applied.sites[lyon]?.stream);
  });
});

function withPort(configuration: Configuration, port: number): Configuration {
  const site = configuration.sites[lyon];
  if (site === undefined) throw new Error("the example has it");
  return {
    ...configuration,
    sites: { ...configuration.sites, [lyon]: { ...site, stream: { ...site.stream, port } } },
  };
}
