import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { killLibvirtd, killQemu, startLibvirtd } from "#lab/faults/services.ts";
import { meterLine } from "./line-meter.ts";
import { judgePoint } from "./replica-images.ts";
import { writesOn } from "./serving.ts";
import { lyon, mebibyte, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";

const copyBytes = 96 * mebibyte;
let world: World;
let line: Awaited<ReturnType<typeof meterLine>>;

beforeAll(async () => {
  world = await startWorld({
    id: labId("srs"),
    machine: {
      disks: [{ sizeBytes: 256 * mebibyte, blobBytes: copyBytes }],
      settings: { intervalMs: 50, rateKibPerSecond: 128, blockKib: 64 },
    },
  });
  await world.run("EnableProtection");
  await world.fresh();
  line = await meterLine(world.lab.site("paris"));
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** Whatever has died: the machine writes on, newer instants are sealed, all is well again, and nothing was copied anew. */
afterEach(async () => {
  await writesOn(world.guest(paris));
  await world.fresh();
  await world.until("healthy again", ({ replicationHealth }) => replicationHealth === "Normal");
  const sent = await line.read();
  if (sent >= copyBytes) throw new Error(`${sent} bytes were sent: as much as a copy`);
});

describe("replication that goes on", () => {
  it("survives kill -9 of Temporal's server", async () => {
    const { epoch } = await world.item();
    await world.killTemporal();
    await writesOn(world.guest(paris));
    await world.startTemporal();
    expect(await world.fresh()).toMatchObject({ epoch, state: "protected" });
  });

  it("says that libvirtd at the source is gone, and goes on when it is back", async () => {
    const host = world.host(paris);
    await killLibvirtd(host);
    const { health } = await world.until("the item says why", (item) => item.health.length > 0);
    expect(health).toMatchObject([{ code: "HYPERVISOR_UNAVAILABLE" }]);
    expect(health[0]?.message).toContain("paris1");
    await startLibvirtd(host);
    await world.fresh();
  });

  it("does not need libvirtd at the target", async () => {
    const host = world.host(lyon);
    await killLibvirtd(host);
    await world.fresh();
    await startLibvirtd(host);
  });

  it("survives kill -9 of the target's worker", async () => {
    await world.workers.lyon.kill();
    await sleep(2_000);
    await world.workers.lyon.start();
    await world.fresh();
  });

  it("survives kill -9 of the orchestrator's worker", async () => {
    await world.workers.orchestrator.kill();
    await world.workers.orchestrator.start();
    await world.fresh();
  });

  it("resynchronizes by itself when QEMU died, and with it what it knew of changes", async () => {
    const { item } = await world.item();
    await killQemu(world.host(paris), "app1");
    await expect.poll(() => world.guest(paris).state(), { timeout: 30_000 }).toBe("shut off");
    await world.guest(paris).start();
    const repaired = async () =>
      (await world.client.jobs({ item, limit: 10 })).filter(
        ({ operation, state }) => operation === "RepairReplication" && state === "Succeeded",
      );
    await expect.poll(async () => (await repaired()).length, { timeout: 180_000, interval: 500 }).toBeGreaterThan(0);
    const { lastSealed } = await world.fresh();
    const points = await world.client.points(item);
    const kept = points.findLast((point) => point.kept && point.takenAt <= (lastSealed?.takenAt ?? ""));
    if (kept === undefined) throw new Error("no kept point");
    expect(await judgePoint(world.host(lyon), kept.id)).toMatchObject({ ok: true });
  });
});
