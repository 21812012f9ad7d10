import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killLibvirtd, killQemu, startLibvirtd } from "#lab/faults/services.ts";
import { measureLoss, newestAck } from "#lab/oracle/acks.ts";
import { meterLine } from "./line-meter.ts";
import { comparePoint, judgePoint, resumeOffset } from "./replica-images.ts";
import { lyon, mebibyte, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({
    id: labId("sfc"),
    policy: { bytesPerSecond: 10 * mebibyte },
    machine: {
      disks: [{ sizeBytes: 512 * mebibyte, blobBytes: 96 * mebibyte }],
      settings: { intervalMs: 50, rateKibPerSecond: 64, blockKib: 64 },
    },
  });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe("the first copy of a machine", () => {
  it("goes on without libvirtd, says that it needs it once QEMU has died too, and sends nothing again when both are back", async () => {
    const host = world.host(paris);
    const { blocks } = await stat(host.path(`${host.images}/app1-0.qcow2`));
    const oneCopy = blocks * 512;
    const line = await meterLine(world.lab.site(paris));
    const hasSent = async (bytes: number) =>
      await expect.poll(() => line.read(), { timeout: 60_000, interval: 50 }).toBeGreaterThan(bytes);
    const enabling = await world.start("EnableProtection");

    // Reading the cut needs no libvirtd.
    await hasSent(oneCopy * 0.2);
    await killLibvirtd(host);
    await hasSent(oneCopy * 0.5);
    while ((await resumeOffset(world.host(lyon), "vda")) === 0) await sleep(50);
    expect(await world.item()).toMatchObject({ state: "initial-replication", health: [] });

    // With QEMU the cut is gone, and what was known of changes.
    await killQemu(host, "app1");
    const { health, state } = await world.until("the item says why", (item) => item.health.length > 0);
    expect(state).toBe("initial-replication");
    expect(health).toMatchObject([{ code: "HYPERVISOR_UNAVAILABLE" }]);
    expect(health[0]?.message).toContain("paris1");
    await startLibvirtd(host);
    await expect.poll(() => world.guest(paris).state(), { timeout: 30_000 }).toBe("shut off");
    await world.guest(paris).start();
    expect(await world.ended(enabling)).toMatchObject({ state: "Succeeded" });
    const sent = await line.read();
    expect(sent).toBeGreaterThan(oneCopy * 0.8);
    expect(sent).toBeLessThan(oneCopy * 1.4);
    const [first] = await world.client.points((await world.item()).item);
    if (first === undefined) throw new Error("there is no point");
    expect(await judgePoint(world.host(lyon), first.id)).toMatchObject({ ok: true, problems: [] });
    await world.until("nothing is wrong any more", (item) => item.health.length === 0);

    const { result } = await world.run("PlannedFailover");
    if (result?.point === undefined) throw new Error("the planned failover named no point");
    const { point } = result;
    const verdict = await judgePoint(world.host(lyon), point);
    expect(verdict).toMatchObject({ ok: true, problems: [] });
    expect(measureLoss(await newestAck(host, "app1"), verdict)).toEqual({ records: 0, milliseconds: 0 });
    expect(await comparePoint({ host: world.host(lyon), point, source: host, machine: "app1" })).toEqual({
      vda: { same: true },
    });
  });
});
