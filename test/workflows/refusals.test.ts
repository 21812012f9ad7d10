import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { diskId, itemName } from "#domain/ids.ts";
import { startWorld, twoSiteConfiguration, type World } from "#test/support/temporal-world.ts";

describe("an order that cannot be carried out", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("is refused with a sentence when the state forbids it, and its job is red", async () => {
    const app = world.of("app1");
    await app.protect();
    await expect(app.start("Commit")).rejects.toMatchObject({
      code: "OPERATION_NOT_ALLOWED",
      message: expect.stringMatching(
        /^Commit is not allowed while the machine is protected\. Allowed now: .*Planned failover/,
      ),
    });
    const [job] = await world.understudy.jobs({ item: app.name, limit: 1 });
    expect(job).toMatchObject({ operation: "Commit", state: "Failed", fault: { code: "OPERATION_NOT_ALLOWED" } });
  });

  it("is refused while another job of the same item runs, naming it; the running one is not disturbed", async () => {
    const app = world.of("app2");
    await app.protect();
    const gate = Promise.withResolvers<void>();
    world.sites.trouble({ at: "shutDownMachine", machine: "app2", hold: gate.promise });
    const running = await app.start("PlannedFailover");
    await expect(app.start("TestFailover")).rejects.toMatchObject({
      code: "JOB_RUNNING",
      message: expect.stringContaining(running),
    });
    gate.resolve();
    expect(await app.ended(running)).toMatchObject({ state: "Succeeded" });
  });

  it("is refused when nothing of that name is protected or configured", async () => {
    await expect(world.of("app3").start("Commit")).rejects.toMatchObject({
      code: "OPERATION_NOT_ALLOWED",
      message:
        "Commit is not allowed while app3 is configured but not protected. Allowed now: enable protection (understudy protect app3).",
    });
    await expect(world.of("ap3").start("Commit")).rejects.toMatchObject({
      code: "ITEM_NOT_FOUND",
      message: expect.stringContaining("did you mean app3?"),
    });
    expect(await world.understudy.jobs({ item: itemName("app3"), limit: 1 })).toEqual([]);
    await expect(world.of("ap1").start("EnableProtection")).rejects.toMatchObject({
      code: "ITEM_NOT_FOUND",
      message: expect.stringContaining("did you mean app1?"),
    });
    await expect(world.understudy.item(itemName("ap1"))).rejects.toMatchObject({ code: "ITEM_NOT_FOUND" });
  });

  it("fails for input that a person has mistyped, saying what is expected", async () => {
    const { workflow } = world.environment.client;
    const typed = async (input: unknown): Promise<unknown> =>
      await workflow
        .execute("PlannedFailover", { taskQueue: "orchestrator", workflowId: `typed-${Math.random()}`, args: [input] })
        .catch((error: { cause: unknown }) => error.cause);
    expect(await typed({})).toMatchObject({
      type: "INVALID_INPUT",
      message: expect.stringContaining('{"item":"app1"}'),
    });
    expect(await typed({ item: "app1", fource: true })).toMatchObject({
      type: "INVALID_INPUT",
      message: expect.stringContaining("“fource”"),
    });
    expect(await typed("app1")).toMatchObject({ type: "INVALID_INPUT" });
    expect(await typed({ item: "app1", point: "latest" })).toMatchObject({ type: "INVALID_INPUT" });
  });

  it("fails at once for a type that there is not, naming the one that was meant", async () => {
    const { workflow } = world.environment.client;
    const typed = async (type: string): Promise<unknown> =>
      await workflow
        .execute(type, { taskQueue: "orchestrator", workflowId: `typed-${type}`, args: [{ item: "app1" }] })
        .catch((error: { cause: unknown }) => error.cause);
    expect(await typed("PlanedFailover")).toMatchObject({
      type: "INVALID_INPUT",
      message: expect.stringMatching(
        /^There is no job of type “PlanedFailover” \(did you mean PlannedFailover\?\)\. There are: EnableProtection, /,
      ),
    });
    expect(await typed("Nonsense")).toMatchObject({
      type: "INVALID_INPUT",
      message: expect.stringMatching(/^There is no job of type “Nonsense”\. There are: /),
    });
  });

  it("reports every failed prerequisite of both sides at once, and leaves nothing behind", async () => {
    const app = world.of("app4");
    const broken = (name: string, detail: string) =>
      [{ name, passed: false, code: "DISK_NOT_TRACKABLE", detail, action: "Convert it." }] as const;
    world.sites.trouble({ at: "checkSource", machine: "app4", checks: broken("vda", "vda is raw.") });
    world.sites.trouble({ at: "checkTarget", machine: "app4", checks: broken("store", "The store is read-only.") });
    const job = await app.run("EnableProtection");
    expect(job).toMatchObject({ state: "Failed", fault: { code: "PREREQUISITES_FAILED" } });
    expect(job.fault?.message).toContain("vda is raw.");
    expect(job.fault?.message).toContain("The store is read-only.");
    expect(job.fault?.message).toMatch(/^2 of /);
    expect(world.sites.replicas("app4")).toEqual([]);
    expect(await app.item()).toMatchObject({ state: "unprotected" });
  });

  it("takes the replica away again when enabling fails after it was made", async () => {
    const app = world.of("app5");
    world.sites.trouble({
      at: "createReplica",
      machine: "app5",
      fault: new Fault("REPLICA_INVALID", "The store is damaged."),
      after: true,
    });
    const job = await app.run("EnableProtection");
    expect(job).toMatchObject({ state: "Failed", fault: { code: "REPLICA_INVALID" } });
    expect(job.tasks.at(-1)).toMatchObject({ name: "Undo: delete the replica", state: "Succeeded" });
    expect(world.sites.replicas("app5")).toEqual([]);
  });

  it("is refused when a configuration would hurt a protected item, and nothing of it is applied", async () => {
    const app = world.of("app6");
    await app.protect();
    const before = await world.understudy.configuration();
    const { [app.name]: _gone, ...items } = before.items;
    await expect(world.understudy.apply({ ...before, items })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("app6"),
    });
    expect(await world.understudy.configuration()).toEqual(before);
  });

  it("changes the policy of a protected item without sending anything again", async () => {
    const app = world.of("app7");
    await app.protect();
    const changes = await world.understudy.apply(twoSiteConfiguration({ retentionSeconds: 3_600 }));
    expect(changes).toMatchObject([{ path: "policies.continuous.retentionSeconds", before: 86_400, after: 3_600 }]);
    const used = (request: unknown) => JSON.stringify(request).includes('"retentionSeconds":3600');
    await app.item(() =>
      world.sites.calls.some(
        ({ activity, machine, request }) => activity === "replicate" && machine === "app7" && used(request),
      ),
    );
    expect(await app.run("UpdatePolicy", { policy: "continuos" }).catch((error: unknown) => error)).toMatchObject({
      state: "Failed",
      fault: { code: "INVALID_INPUT", message: expect.stringContaining("did you mean continuous?") },
    });
    expect(await app.run("UpdatePolicy", { policy: "continuous" })).toMatchObject({ state: "Succeeded" });
    const before = await world.understudy.configuration();
    const { continuous } = before.policies;
    if (continuous === undefined) throw new Error("no policy");
    await world.understudy.apply({ ...before, policies: { continuous, hourly: { ...continuous, name: "hourly" } } });
    expect(await app.run("UpdatePolicy", { policy: "hourly" })).toMatchObject({ state: "Succeeded" });
    // The file that was applied before says otherwise now, and is heard when it is applied again.
    const withHourly = { ...before, policies: { continuous, hourly: { ...continuous, name: "hourly" } } };
    const back = [{ path: "items.app7.policy", before: "hourly", after: "continuous" }];
    await expect.poll(async () => (await world.understudy.diff(withHourly)).changes).toMatchObject(back);
    expect(await world.understudy.apply(withHourly)).toMatchObject(back);
    await expect.poll(() => app.state()).toMatchObject({ policy: { name: "continuous" } });
    // An order and a file at once: whichever is heard last holds for both, the configuration and the item.
    for (let round = 0; round < 5; round++) {
      const order = app.run("UpdatePolicy", { policy: "hourly" });
      await new Promise((resolve) => setTimeout(resolve, 40 * round));
      await Promise.all([order, world.understudy.apply(withHourly)]);
      const { items } = await world.understudy.configuration();
      const heard = items[itemName("app7")]?.policy;
      await expect.poll(() => app.state()).toMatchObject({ policy: { name: heard }, configuration: { policy: heard } });
    }
    expect(await app.item()).toMatchObject({ state: "protected" });
    expect(world.sites.sent("app7")).toMatchObject({ seed: 1_000_000, resynchronize: 0 });
  });

  it("names the machine's disks when one is excluded that it does not have, at the beginning and later; the running replication heeds the rest", async () => {
    const app = world.of("app8");
    const excluding = async (...names: string[]) => {
      const known = await world.understudy.configuration();
      const item = known.items[app.name];
      if (item === undefined) throw new Error("it is configured");
      const items = { ...known.items, [app.name]: { ...item, excludeDisks: names.map(diskId) } };
      return await world.understudy.apply({ ...known, items });
    };
    await excluding("vdz");
    const job = await app.run("EnableProtection");
    expect(job.fault?.code).toBe("PREREQUISITES_FAILED");
    expect(job.fault?.message).toContain("vdz, which app8 does not have. Its disks: vda, vdb.");

    await excluding();
    await app.protect();
    await excluding("vdb", "vdz");
    const warned = await app.item(({ health }) => health.length > 0);
    expect(warned).toMatchObject({ replicationHealth: "Warning", health: [{ code: "CONFIG_INVALID" }] });
    expect(warned.health[0]?.message).toContain("Its disks: vda, vdb. Replicated now: vda.");
    await excluding("vdb");
    await app.item(({ health }) => health.length === 0);
    const asked = world.sites.calls.findLast(
      ({ activity, machine }) => activity === "replicate" && machine === "app8",
    )?.request;
    expect(asked).toMatchObject({ request: { tracked: { disks: ["vda"] } } });
    await expect(excluding("vda", "vdb")).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("every disk that is replicated of app8 (vda)"),
    });
  });
});
