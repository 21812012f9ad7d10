import { setTimeout as sleep } from "node:timers/promises";
import { stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runInGuest } from "#lab/guest/agent.ts";
import { meterLine } from "./line-meter.ts";
import { comparePoint, judgePoint, layerBytes, resumeOffset } from "./replica-images.ts";
import { lyon, mebibyte, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({
    id: labId("swk"),
    policy: { bytesPerSecond: 10 * mebibyte },
    machine: {
      disks: [{ sizeBytes: 512 * mebibyte, blobBytes: 96 * mebibyte }],
      settings: { intervalMs: 20, rateKibPerSecond: 0, blockKib: 64 },
    },
  });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** kill -9 right after so much has been sent and a further part of it has been flushed at the replica. */
const killSourceWorkerAfter = async (bytes: number, meter: { read(): Promise<number> }): Promise<void> => {
  while ((await meter.read()) < bytes) await sleep(50);
  const before = await resumeOffset(world.host(lyon), "vda");
  while ((await resumeOffset(world.host(lyon), "vda")) === before) await sleep(20);
  await world.workers.paris.kill();
};

describe("the worker of the source's site", () => {
  it("is killed in the middle of the initial replication and of a delta, and what was sent is not sent again", async () => {
    const source = `${world.host(paris).images}/app1-0.qcow2`;
    const { blocks } = await stat(world.host(paris).path(source));
    const oneCopy = blocks * 512;

    const initial = await meterLine(world.lab.site(paris));
    const enabling = await world.start("EnableProtection");
    await killSourceWorkerAfter(oneCopy * 0.25, initial);
    expect((await world.item()).state).toBe("initial-replication");
    await world.workers.paris.start();
    expect(await world.ended(enabling)).toMatchObject({ state: "Succeeded" });
    const sentInitially = await initial.read();
    expect(sentInitially).toBeGreaterThan(oneCopy * 0.8);
    expect(sentInitially).toBeLessThan(oneCopy * 1.3);
    const [first] = await world.client.points((await world.item()).item);
    expect(first).toBeDefined();
    if (first !== undefined) expect(await judgePoint(world.host(lyon), first.id)).toMatchObject({ ok: true });

    // A delta of some 70 MiB, in which the guest writes on.
    await world.fresh();
    await world.run("PauseReplication");
    const guest = world.guest(paris);
    const written = (await guest.status()).blobBytes;
    await guest.set({ rateKibPerSecond: 64 * 1024 });
    while ((await guest.status(5_000)).blobBytes < written + 144 * mebibyte) await sleep(100);
    await guest.set({ rateKibPerSecond: 0 });
    // What lies in the guest's memory would be written, and rightly sent, between the two attempts.
    await runInGuest(world.host(paris), "app1", ["/bin/busybox", "sync"]);
    const delta = await meterLine(world.lab.site(paris));
    const resumedAt = new Date().toISOString();
    await world.run("ResumeReplication");
    await killSourceWorkerAfter(20 * mebibyte, delta);
    // Nothing of it has been sealed: it is the middle.
    const before = (await world.client.points((await world.item()).item)).at(-1);
    expect((before?.takenAt ?? "") < resumedAt).toBe(true);
    await world.workers.paris.start();
    const sealed = await world.until(
      "the delta is sealed",
      ({ lastSealed }) => (lastSealed?.takenAt ?? "") > resumedAt,
    );
    const sentOfDelta = await delta.read();
    const points = await world.client.points(sealed.item);
    const after = points.find(({ takenAt, kept }) => kept && takenAt > resumedAt);
    if (after === undefined) throw new Error(`no kept point after ${resumedAt}: ${JSON.stringify(points)}`);
    const oneDelta = await layerBytes(world.host(lyon), after.id);
    expect(oneDelta).toBeGreaterThan(50 * mebibyte);
    expect(sentOfDelta).toBeGreaterThan(oneDelta * 0.8);
    // A break costs what was sent since the last checkpoint: 5 s at 10 MiB/s, which is much of so small a delta. On a busy machine there may be a second one.
    expect(sentOfDelta).toBeLessThan(oneDelta * 1.6);
    expect(await judgePoint(world.host(lyon), after.id)).toMatchObject({ ok: true });

    // The source stands still: now the newest point must be equal to it, to the last byte.
    const { result } = await world.run("PlannedFailover");
    if (result?.point === undefined) throw new Error("the planned failover named no point");
    expect(
      await comparePoint({
        host: world.host(lyon),
        point: result.point,
        source: world.host(paris),
        machine: "app1",
      }),
    ).toEqual({ vda: { same: true } });
  });
});
