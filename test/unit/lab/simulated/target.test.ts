import { expect, test } from "vitest";
import { cutId, failoverId, replicaId } from "#domain/ids.ts";
import type { CutId } from "#domain/ids.ts";
import { readGuest } from "#lab/simulated/guest-disk.ts";
import { machineRecord } from "#lab/simulated/machines.ts";
import { openWriter } from "#lab/simulated/run-guests.ts";
import { checkOracle } from "#lab/simulated/oracle.ts";
import type { Store } from "#lab/simulated/store.ts";
import { operation } from "#test/support/operation.ts";
import { send } from "#test/support/send.ts";
import { addTwoDiskMachine, app1, simulatedSite, tracked, vda, vdb, vm } from "#test/support/simulated-machine.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

const op = operation();
const id = replicaId("app1@west");
const never = new AbortController().signal;
const opening = { replica: id, epoch: 1, peerSite: "east" };
const networks = { production: "recovery" };

/** Two sites, a running machine with a writer, its replica, and a cycle that writes and sends. */
async function twoSites(dir: string) {
  const east = await simulatedSite({ dir, site: "east" });
  const west = await simulatedSite({ dir, site: "west" });
  const machine = addTwoDiskMachine(east.store, { program: "writer" });
  await east.source.powerOn(vm, op);
  await west.target.createReplica(
    { replica: id, item: app1, machine, disks: [vda, vdb], epoch: 1, sourceSite: "east" },
    op,
  );
  const writer = openWriter(east.store, machineRecord(east.store, vm));
  let last: CutId | undefined;
  const cycle = async (name: string, keep: boolean, writes = 7) => {
    for (let count = 0; count < writes; count++) writer.writeNext();
    const request = {
      tracked: tracked(),
      cut: cutId(name),
      consistency: "crash-consistent",
      scratchPercent: 90,
    } as const;
    const { description } = await east.source.cut(request, op);
    writer.writeNext();
    await using replica = await west.target.open(opening, never);
    const point = await send({
      ...east,
      tracked: tracked(),
      replica,
      cut: description,
      keep,
      ...(last && { since: last }),
    });
    await east.source.release({ tracked: tracked(), keep: [cutId(name)] }, op);
    last = cutId(name);
    return point;
  };
  return {
    east,
    west,
    writer,
    cycle,
    async [Symbol.asyncDispose]() {
      await east[Symbol.asyncDispose]();
      await west[Symbol.asyncDispose]();
    },
  };
}

/** What the oracle says of a machine that was just started. */
function oracle(store: Store, name: string) {
  const { machine, generation } = machineRecord(store, name);
  return checkOracle(machine, (disk, offset, length) =>
    readGuest(store, { machine: machine.id, generation }, { disk, offset, length }),
  );
}

test("Every point, kept or latest, is one instant of the source, also after merging", async () => {
  using dir = memoryDir();
  await using sites = await twoSites(dir.path);
  for (const [index, keep] of [true, false, false, true, false].entries()) await sites.cycle(`c${index}`, keep);
  const points = await sites.west.target.points(id, op);
  expect(points.map((point) => [point.id, point.kept])).toEqual([
    ["c0", true],
    ["c3", true],
    ["c4", false],
  ]);
  for (const [index, expected] of [
    [0, 7],
    [1, 31],
    [2, 39],
  ] as const) {
    const point = points[index]?.id ?? cutId("missing");
    const failover = failoverId(`test-${point}`);
    const request = {
      replica: id,
      failover,
      kind: "test",
      point,
      epoch: 1,
      networks,
      isolated: true,
      item: app1,
    } as const;
    const started = await sites.west.target.failOver({ ...request, machineName: `app1-${point}-Test` }, op);
    expect(oracle(sites.west.store, started.machine)).toEqual({ head: expected, problems: [] });
    expect(await sites.west.target.verify({ replica: id, point }, op)).toEqual({ blocks: 24, mismatched: 0 });
    await sites.west.target.discard({ replica: id, failover, epoch: 1 }, op);
  }
  expect(await sites.west.platform.inventory.list(op)).toEqual([]);
});

test("An unplanned failover can change its point until it is committed, and refuses the old owner", async () => {
  using dir = memoryDir();
  await using sites = await twoSites(dir.path);
  await sites.cycle("c0", true);
  await sites.cycle("c1", true);
  const failover = failoverId("f1");
  const request = {
    replica: id,
    failover,
    kind: "unplanned",
    point: cutId("c1"),
    epoch: 2,
    networks,
    isolated: false,
    item: app1,
    machineName: "app1",
  } as const;
  await using before = await sites.west.target.open(opening, never);
  const first = await sites.west.target.failOver(request, op);
  expect(await sites.west.target.failOver(request, op)).toEqual(first);
  expect(oracle(sites.west.store, "app1").head).toBe(15);
  expect(machineRecord(sites.west.store, "app1").machine.adapters[0]?.network).toBe("recovery");
  await expect(sites.west.target.open(opening, never)).rejects.toMatchObject({ code: "STALE_EPOCH" });
  await expect(before.state(never)).rejects.toMatchObject({ code: "STALE_EPOCH" });
  await sites.west.target.changePoint({ ...request, point: cutId("c0") }, op);
  expect(oracle(sites.west.store, "app1")).toEqual({ head: 7, problems: [] });
  await sites.west.target.commit({ replica: id, failover }, op);
  expect((await sites.west.target.points(id, op)).map((point) => point.id)).toEqual(["c0"]);
  await expect(sites.west.target.changePoint(request, op)).rejects.toMatchObject({ code: "OPERATION_NOT_ALLOWED" });
  await sites.west.target.deleteReplica(id, op);
  expect(oracle(sites.west.store, "app1").head).toBe(7);
});

test("An image that is not one instant does not pass the oracle", async () => {
  using dir = memoryDir();
  await using sites = await twoSites(dir.path);
  for (let count = 0; count < 9; count++) sites.writer.writeNext();
  const { machine, generation } = machineRecord(sites.east.store, vm);
  const guest = { machine: vm, generation };
  const older = new Map(
    machine.disks.map(({ id: disk, sizeBytes }) => [
      disk,
      readGuest(sites.east.store, guest, { disk, offset: 0, length: sizeBytes }),
    ]),
  );
  sites.writer.writeNext();
  sites.writer.writeNext();
  const mixture = checkOracle(machine, (disk, offset, length) =>
    disk === vdb
      ? (older.get(disk) ?? new Uint8Array(0)).subarray(offset, offset + length)
      : readGuest(sites.east.store, guest, { disk, offset, length }),
  );
  expect(mixture.problems).not.toEqual([]);
});
