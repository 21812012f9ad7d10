import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { describe, expect, it } from "vitest";
import { createSourceActivities } from "#activities/source.ts";
import { hostName } from "#domain/ids.ts";
import { machineRecord } from "#lab/simulated/machines.ts";
import { addTwoDiskMachine, app1, simulatedSite, vm } from "#test/support/simulated-machine.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

describe("the guard of an old primary", () => {
  it("fences one that was not there as soon as it is made again, and minds no start that is lawful", async () => {
    using dir = memoryDir();
    await using site = await simulatedSite({ dir: dir.path, site: "paris" });
    const activities = createSourceActivities(async () => site.platform);
    const order = { host: hostName("paris1"), item: app1, machine: vm, epoch: 2, forSeconds: 0 };
    const inActivity = <Result>(work: () => Promise<Result>): Promise<Result> =>
      new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") }).run(work);
    const guard = (unfenced: boolean) => inActivity(() => activities.guardMachine({ ...order, unfenced }));

    expect(await guard(true)).toEqual({ wasRunning: false });
    addTwoDiskMachine(site.store);
    await inActivity(() => activities.powerOnMachine(order));
    expect(await guard(true)).toEqual({ wasRunning: true });
    expect(machineRecord(site.store, vm).machine.running).toBe(false);

    await inActivity(() => activities.powerOnMachine(order));
    expect(await guard(false)).toEqual({ wasRunning: false });
    expect(machineRecord(site.store, vm).machine.running).toBe(true);
  });
});

describe("looking after a machine that may still go off", () => {
  it("starts it when it has, and leaves alone one that runs, or that is fenced", async () => {
    using dir = memoryDir();
    await using site = await simulatedSite({ dir: dir.path, site: "paris" });
    addTwoDiskMachine(site.store);
    const activities = createSourceActivities(async () => site.platform);
    const order = { host: hostName("paris1"), item: app1, machine: vm, epoch: 2, graceSeconds: 1, force: false };
    const inActivity = <Result>(work: () => Promise<Result>): Promise<Result> =>
      new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") }).run(work);
    const look = () => inActivity(() => activities.keepMachineOn({ ...order, forSeconds: 0 }));
    const runs = () => machineRecord(site.store, vm).machine.running;

    await inActivity(() => activities.powerOnMachine(order));
    expect(await look()).toEqual({ wasOff: false });
    await inActivity(() => activities.shutDownMachine(order));
    expect(await look()).toEqual({ wasOff: true });
    expect(runs()).toBe(true);
    await inActivity(() => activities.fenceMachine(order));
    expect(await look()).toEqual({ wasOff: false });
    expect(runs()).toBe(false);
  });
});
