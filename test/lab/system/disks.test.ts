import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ListedPoint } from "#domain/cut.ts";
import { diskId } from "#domain/ids.ts";
import { comparePoint, judgePoint } from "./replica-images.ts";
import { lyon, mebibyte, paris, startWorld, type World } from "./world.ts";
import { labId } from "../lab-id.ts";
import { spilledSecrets } from "./spilled-secrets.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({
    id: labId("sdk"),
    machine: {
      disks: [
        { sizeBytes: 128 * mebibyte, blobBytes: 16 * mebibyte },
        { sizeBytes: 64 * mebibyte, bus: "scsi" },
      ],
      settings: { intervalMs: 5, rateKibPerSecond: 512, blockKib: 64 },
    },
    item: { excludeDisks: [diskId("sdc")] },
  });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** Gives the running machine another, empty disk. */
const attach = async (disk: string): Promise<void> => {
  const host = world.host(paris);
  await host.run(
    'qemu-img create -q -f qcow2 "$1" 16M && virsh -q attach-disk app1 "$1" "$2" --driver qemu --subdriver qcow2 --targetbus scsi --persistent',
    [`${host.images}/${disk}.qcow2`, disk],
  );
};

/** The newest kept point, once there is one taken after now. */
const nextKept = async (): Promise<ListedPoint> => {
  const since = new Date().toISOString();
  for (;;) {
    const { item } = await world.fresh();
    const found = (await world.client.points(item)).findLast(({ kept, takenAt }) => kept && takenAt > since);
    if (found !== undefined) return found;
  }
};

const sizes = ({ disks }: ListedPoint) => Object.fromEntries(disks.map(({ id, sizeBytes }) => [id, sizeBytes]));

describe("a machine with several disks", () => {
  it("is one instant over all of them, without those that are excluded, and takes in what grows and what is added", async () => {
    await attach("sdc");
    await world.run("EnableProtection");
    const first = await nextKept();
    expect(sizes(first)).toEqual({ vda: 128 * mebibyte, sdb: 64 * mebibyte });
    const verdict = await judgePoint(world.host(lyon), first.id, ["vda", "sdb"]);
    expect(verdict).toMatchObject({ ok: true, problems: [] });
    expect(verdict.head).toBeGreaterThan(0);

    // QEMU resizes no disk while a cut of it stands, which is seldom and short: whoever does it tries again.
    await world.host(paris).run("until virsh -q blockresize app1 sdb 96M 2>/dev/null; do sleep 0.1; done", [], {
      timeoutMs: 60_000,
    });
    const grown = await nextKept();
    expect(sizes(grown)).toEqual({ vda: 128 * mebibyte, sdb: 96 * mebibyte });

    const since = Date.now();
    await attach("sdd");
    let added = await nextKept();
    while (!added.disks.some(({ id }) => id === "sdd")) added = await nextKept();
    // Much sooner than the stretch of replication that ran would have ended.
    expect(Date.now() - since).toBeLessThan(90_000);
    expect(sizes(added)).toEqual({ vda: 128 * mebibyte, sdb: 96 * mebibyte, sdd: 16 * mebibyte });
    expect(await judgePoint(world.host(lyon), added.id, ["vda", "sdb"])).toMatchObject({ ok: true, problems: [] });

    const { result } = await world.run("PlannedFailover");
    if (result?.point === undefined) throw new Error("the failover names no point");
    await world.guest(lyon).waitReady(0);
    expect(
      await comparePoint({ host: world.host(lyon), point: result.point, source: world.host(paris), machine: "app1" }),
    ).toEqual({ vda: { same: true }, sdb: { same: true }, sdc: "not in the point", sdd: { same: true } });
    // After a whole life, no secret stands where others read.
    expect(await spilledSecrets(world)).toEqual([]);
  });
});
