import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "#domain/fault.ts";
import { startWorld, type World } from "#test/support/temporal-world.ts";

describe("a job that does not come to its end", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());
  const fenced = (name: string) =>
    world.sites.calls.some(({ activity, machine }) => activity === "guardMachine" && machine === name);

  /** What a job that is watched says of its running tasks, from now to its end. */
  const saidBy = async (job: string): Promise<readonly string[]> => {
    const said = new Set<string>();
    for await (const { tasks } of world.understudy.watch(job, new AbortController().signal))
      for (const { name, state, detail } of tasks)
        if (state === "InProgress" && detail !== undefined) said.add(`${name}: ${detail}`);
    return [...said];
  };

  it("turns the machine on again when a planned failover is cancelled after the machine was shut down", async () => {
    const app = world.of("app1");
    await app.protect();
    world.sites.trouble({ at: "failOver", machine: "app1", hold: Promise.withResolvers<void>().promise });
    const job = await app.start("PlannedFailover");
    await app.item(() =>
      world.sites.calls.some(({ activity, machine }) => activity === "failOver" && machine === "app1"),
    );
    expect(world.sites.running("app1")).toEqual([]);
    await world.understudy.cancel(job);
    const ended = await app.ended(job);
    expect(ended).toMatchObject({ state: "Cancelled", fault: { code: "CANCELLED" } });
    await expect(world.understudy.cancel(job)).rejects.toMatchObject({
      code: "OPERATION_NOT_ALLOWED",
      message: expect.stringContaining("has ended already (Cancelled, at "),
    });
    expect(
      ended.tasks.filter(({ name }) => name.startsWith("Undo")).map(({ name, state }) => `${state}: ${name}`),
    ).toEqual([
      "Succeeded: Undo: take the failover back at the target",
      "Succeeded: Undo: turn the machine on again at the source",
    ]);
    expect(world.sites.running("app1")).toEqual(["paris/app1"]);
    expect(await app.item(({ activeJob }) => activeJob === undefined)).toMatchObject({ state: "protected", epoch: 3 });
    const before = world.sites.sent("app1").run;
    await app.item(() => world.sites.sent("app1").run > before);
  });

  it("goes back to protected when the guest does not shut down, and nothing was moved", async () => {
    const app = world.of("app2");
    await app.protect();
    const fault = new Fault("SHUTDOWN_TIMED_OUT", "The guest did not shut down within 60 s.");
    world.sites.trouble({ at: "shutDownMachine", machine: "app2", fault });
    world.sites.trouble({ at: "shutDownMachine", machine: "app2", fault });
    const job = await app.run("PlannedFailover");
    expect(job).toMatchObject({ state: "Failed", fault: { code: "SHUTDOWN_TIMED_OUT" } });
    expect(world.sites.running("app2")).toEqual(["paris/app2"]);
    expect(await app.item()).toMatchObject({ state: "protected", epoch: 1 });
  });

  it("takes a planned failover back when somebody started the machine after its last changes were sent", async () => {
    const app = world.of("app9");
    await app.protect();
    const held = Promise.withResolvers<void>();
    world.sites.trouble({ at: "fenceMachine", machine: "app9", hold: held.promise });
    const ordered = await app.start("PlannedFailover");
    await app.item(() =>
      world.sites.calls.some(({ activity, machine }) => activity === "fenceMachine" && machine === "app9"),
    );
    world.sites.startByHand("paris", "app9");
    held.resolve();
    expect(await app.ended(ordered)).toMatchObject({ state: "Failed", fault: { code: "MACHINE_RUNNING" } });
    expect(world.sites.running("app9")).toEqual(["paris/app9"]);
    expect(await app.item(({ activeJob }) => activeJob === undefined)).toMatchObject({ state: "protected" });
  });

  it("says that the machine may run at the target when a failed failover cannot be taken back, and starts no second one", async () => {
    const app = world.of("app3");
    await app.protect();
    const fault = new Fault("REPLICA_INVALID", "The replica's files are damaged.");
    world.sites.trouble({ at: "failOver", machine: "app3", fault });
    world.sites.trouble({ at: "discardFailover", machine: "app3", fault });
    const job = await app.run("PlannedFailover");
    expect(job).toMatchObject({ state: "Failed", fault: { code: "REPLICA_INVALID" } });
    expect(job.fault?.message).toContain("may be running at the target");
    expect(world.sites.running("app3")).toEqual([]);
    expect(await app.item()).toMatchObject({ state: "commit-pending" });
    await app.item(() => fenced("app3"));
    world.sites.startByHand("paris", "app3");
    await app.item(() => world.sites.running("app3").length === 0);
    expect(await app.run("CancelFailover")).toMatchObject({ state: "Succeeded" });
    expect(world.sites.running("app3")).toEqual(["paris/app3"]);
  });

  it("is put in order by the item when it is terminated in the middle, and the item says so", async () => {
    const app = world.of("app4");
    await app.protect();
    world.sites.trouble({ at: "failOver", machine: "app4", hold: Promise.withResolvers<void>().promise });
    const job = await app.start("PlannedFailover");
    await app.item(() =>
      world.sites.calls.some(({ activity, machine }) => activity === "failOver" && machine === "app4"),
    );
    await world.environment.client.workflow.getHandle(job).terminate("a test does this");

    const after = await app.item(({ activeJob }) => activeJob === undefined);
    expect(after).toMatchObject({ state: "protected", activeSite: "paris", epoch: 3 });
    expect(after.health.map(({ message }) => message).join()).toMatch(
      /TERMINATED.*“Start the replica virtual machine”.*turned on again/,
    );
    expect(world.sites.running("app4")).toEqual(["paris/app4"]);
    expect(await world.understudy.job(job)).toMatchObject({
      state: "Failed",
      fault: { message: expect.stringContaining("terminated") },
    });
    expect(await app.run("PlannedFailover")).toMatchObject({ state: "Succeeded" });
    expect((await app.item()).epoch).toBe(4);
  });

  it("leaves a test machine that was just being made to its clean-up when it is terminated", async () => {
    const app = world.of("app5");
    await app.protect();
    world.sites.trouble({ at: "failOver", machine: "app5", hold: Promise.withResolvers<void>().promise });
    const job = await app.start("TestFailover");
    await app.item(() =>
      world.sites.calls.some(({ activity, machine }) => activity === "failOver" && machine === "app5"),
    );
    await world.environment.client.workflow.getHandle(job).terminate();
    expect(await app.item(({ activeJob }) => activeJob === undefined)).toMatchObject({
      state: "protected",
      testFailover: "waiting-for-cleanup",
    });
    expect(await app.run("TestFailoverCleanup")).toMatchObject({ state: "Succeeded" });
  });

  it("waits for a person when replication has trouble that no retry mends, and for none when it has", async () => {
    const app = world.of("app6");
    await app.protect();
    world.sites.trouble({
      at: "findMachine",
      machine: "app6",
      fault: new Fault("AUTHENTICATION_FAILED", "The host refuses the key."),
    });
    await app.run("PauseReplication");
    await app.run("ResumeReplication");
    const stuck = await app.item(({ replicationHealth }) => replicationHealth === "Critical");
    expect(stuck).toMatchObject({
      state: "protected",
      health: [{ code: "AUTHENTICATION_FAILED", severity: "Critical" }],
    });
    await app.run("UpdatePolicy");
    expect(await app.item(({ replicationHealth }) => replicationHealth === "Normal")).toMatchObject({ health: [] });
  });

  it("counts what an attempt at the reverse replication sent before it failed", async () => {
    const app = world.of("app7");
    await app.protect();
    await app.run("PlannedFailover");
    await app.run("Commit");
    const sent = { details: { bytesSent: 5_000 } };
    const fault = new Fault("HOST_UNREACHABLE", "The host lyon-1 does not answer.", sent);
    world.sites.trouble({ at: "replicate", machine: "app7", fault });
    const job = await app.start("ReverseReplicate");
    expect(await saidBy(job)).toEqual([
      "Synchronize changes: A hypervisor host cannot be reached over SSH. The host lyon-1 does not answer. Trying again in 5 s.",
    ]);
    expect(await app.ended(job)).toMatchObject({ state: "Succeeded", result: { bytesSent: 6_000 } });
  });

  it("says of a step that is tried again why, and how often it has failed", async () => {
    const app = world.of("app8");
    await app.protect();
    const fault = new Fault("HOST_UNREACHABLE", "Host lyon-1 cannot be reached: EHOSTUNREACH.");
    for (let tries = 0; tries < 2; tries += 1) world.sites.trouble({ at: "failOver", machine: "app8", fault });
    const job = await app.start("UnplannedFailover");
    const told = (failed: string) =>
      `Start the replica virtual machine: Host lyon-1 cannot be reached: EHOSTUNREACH. ${failed} failed; it is tried again by itself.`;
    expect(await saidBy(job)).toEqual([told("1 of 8 tries has"), told("2 of 8 tries have")]);
    expect(await app.ended(job)).toMatchObject({ state: "Succeeded" });
  });
});
