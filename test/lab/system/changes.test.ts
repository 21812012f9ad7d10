import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { meterLine } from "./line-meter.ts";
import { comparePoint } from "./replica-images.ts";
import { writesOn } from "./serving.ts";
import { lyon, mebibyte, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

const copyBytes = 64 * mebibyte;
let world: World;
let line: Awaited<ReturnType<typeof meterLine>>;

beforeAll(async () => {
  world = await startWorld({
    id: labId("sch"),
    machine: {
      disks: [{ sizeBytes: 256 * mebibyte, blobBytes: copyBytes }],
      settings: { intervalMs: 50, rateKibPerSecond: 64, blockKib: 64 },
    },
  });
  await world.run("EnableProtection");
  await world.fresh();
  line = await meterLine(world.lab.site("paris"));
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe("what is changed while a machine is protected", () => {
  it("a policy goes into force without anything being sent again", async () => {
    const { item } = await world.item();
    await world.changePolicy({ intervalSeconds: 0, crashConsistentEverySeconds: 1 });
    await world.run("UpdatePolicy");
    await world.fresh();
    const before = (await world.client.points(item)).filter(({ kept }) => kept).length;
    const kept = async () => (await world.client.points(item)).filter((point) => point.kept).length;
    await expect.poll(kept, { timeout: 60_000, interval: 500 }).toBeGreaterThan(before + 1);
    expect(await line.read()).toBeLessThan(copyBytes / 2);
  });

  it("paused replication seals nothing, and sends only what changed meanwhile once it is resumed", async () => {
    await world.run("PauseReplication");
    const paused = await world.item();
    expect(paused.state).toBe("paused");
    const seq = await writesOn(world.guest(paris));
    await sleep(3_000);
    const still = await world.item();
    expect(still.lastSealed).toEqual(paused.lastSealed);
    expect((await world.guest(paris).status(5_000)).seq).toBeGreaterThan(seq);
    await expect(world.start("PlannedFailover")).rejects.toMatchObject({ code: "OPERATION_NOT_ALLOWED" });
    await world.run("ResumeReplication");
    await world.fresh();
    expect(await line.read()).toBeLessThan(copyBytes / 2);
  });

  it("a planned failover that is cancelled before its commit brings the machine back where it was, and replication goes on from there", async () => {
    await world.run("PlannedFailover");
    const away = await world.item();
    expect(away).toMatchObject({ state: "commit-pending", activeSite: lyon });
    await writesOn(world.guest(lyon));
    await world.run("CancelFailover");
    expect(await world.item()).toMatchObject({ state: "protected", activeSite: paris });
    expect((await world.host(lyon).run("virsh -q list --all --name")).stdout.trim()).toBe("");
    await writesOn(world.guest(paris));
    await world.fresh();
    expect(await line.read()).toBeLessThan(copyBytes / 2);

    // Nothing was missed on the way: moved once more, it is the same to the last byte.
    const { result } = await world.run("PlannedFailover");
    if (result?.point === undefined) throw new Error("the failover names no point");
    expect(
      await comparePoint({ host: world.host(lyon), point: result.point, source: world.host(paris), machine: "app1" }),
    ).toEqual({ vda: { same: true } });
  });
});
