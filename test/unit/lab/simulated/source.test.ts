import { expect, test } from "vitest";
import { cutId, instant } from "#domain/ids.ts";
import { crashHost, bootHost } from "#lab/simulated/machines.ts";
import { operation } from "#test/support/operation.ts";
import { readAll } from "#test/support/read-all.ts";
import {
  addTwoDiskMachine,
  block,
  pattern,
  simulatedSite,
  tracked,
  vda,
  vdb,
  vm,
  write,
} from "#test/support/simulated-machine.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

const op = operation();
const cut = (id: string, scratchPercent = 50) =>
  ({ tracked: tracked(), cut: cutId(id), consistency: "crash-consistent", scratchPercent }) as const;

test("A cut reads as the disks were at its instant while the guest writes on", async () => {
  using dir = memoryDir();
  await using site = await simulatedSite({ dir: dir.path, site: "east" });
  addTwoDiskMachine(site.store);
  await site.source.powerOn(vm, op);
  write(site.store, vda, 3 * block, pattern("before"));
  await site.source.cut(cut("c1"), op);
  write(site.store, vda, 3 * block + 100, pattern("after", 200));
  write(site.store, vda, 5 * block, pattern("after"));
  await using disk = await site.source.openDisk({ tracked: tracked(), cut: cutId("c1"), disk: vda }, op);
  const { bytes } = await readAll(disk);
  expect(Buffer.from(bytes.subarray(3 * block, 4 * block)).equals(pattern("before"))).toBe(true);
  expect(bytes.subarray(5 * block, 6 * block).every((byte) => byte === 0)).toBe(true);
});

test("A change source yields exactly the blocks written since the cut, and what became zero as zero", async () => {
  using dir = memoryDir();
  await using site = await simulatedSite({ dir: dir.path, site: "east" });
  addTwoDiskMachine(site.store);
  await site.source.powerOn(vm, op);
  write(site.store, vda, 7 * block, pattern("old"));
  await site.source.cut(cut("c1"), op);
  await site.source.release({ tracked: tracked(), keep: [cutId("c1")] }, op);
  write(site.store, vda, 2 * block - 10, pattern("x", 20));
  write(site.store, vda, 7 * block, new Uint8Array(block));
  const standing = await site.source.cut(cut("c2"), op);
  expect(standing.trackedSince).toEqual({ vda: ["c1"], vdb: ["c1"] });
  write(site.store, vda, 9 * block, pattern("later"));
  const since = { tracked: tracked(), cut: cutId("c2"), since: cutId("c1") };
  await using first = await site.source.openDisk({ ...since, disk: vda }, op);
  expect((await readAll(first)).extents).toEqual([
    { offset: block, length: 2 * block, kind: "data" },
    { offset: 7 * block, length: block, kind: "zero" },
  ]);
  await using second = await site.source.openDisk({ ...since, disk: vdb }, op);
  expect((await readAll(second)).extents).toEqual([]);
});

test("What a released cut had recorded goes to the kept record before it", async () => {
  using dir = memoryDir();
  await using site = await simulatedSite({ dir: dir.path, site: "east" });
  addTwoDiskMachine(site.store);
  await site.source.powerOn(vm, op);
  await site.source.cut(cut("c1"), op);
  await site.source.release({ tracked: tracked(), keep: [cutId("c1")] }, op);
  write(site.store, vda, block, pattern("a"));
  await site.source.cut(cut("c2"), op);
  write(site.store, vda, 4 * block, pattern("b"));
  await site.source.release({ tracked: tracked(), keep: [cutId("c1")] }, op);
  write(site.store, vda, 6 * block, pattern("c"));
  const standing = await site.source.cut(cut("c3"), op);
  expect(standing.trackedSince[vda]).toEqual(["c1"]);
  await using disk = await site.source.openDisk(
    { tracked: tracked(), cut: cutId("c3"), disk: vda, since: cutId("c1") },
    op,
  );
  expect((await readAll(disk)).extents.map(({ offset }) => offset / block)).toEqual([1, 4, 6]);
});

test("A full scratch space breaks the cut and never the guest", async () => {
  using dir = memoryDir();
  await using site = await simulatedSite({ dir: dir.path, site: "east" });
  addTwoDiskMachine(site.store);
  await site.source.powerOn(vm, op);
  await site.source.cut(cut("c1", 10), op);
  await using disk = await site.source.openDisk({ tracked: tracked(), cut: cutId("c1"), disk: vda }, op);
  write(site.store, vda, 0, pattern("1"));
  write(site.store, vda, block, pattern("2"));
  await expect(readAll(disk)).rejects.toMatchObject({ code: "CUT_BROKEN" });
  const next = await site.source.cut(cut("c2"), op);
  expect(next.trackedSince[vda]).toEqual(["c1"]);
});

test("A crash of the host loses the records, and its boot starts what it starts by itself", async () => {
  using dir = memoryDir();
  await using site = await simulatedSite({ dir: dir.path, site: "east" });
  addTwoDiskMachine(site.store);
  await site.source.powerOn(vm, op);
  await site.source.cut(cut("c1"), op);
  crashHost(site.store);
  await expect(site.source.standingCut(tracked(), op)).rejects.toMatchObject({ code: "HOST_UNREACHABLE" });
  expect(bootHost(site.store).map(({ id }) => id)).toEqual([vm]);
  expect(await site.source.standingCut(tracked(), op)).toBeUndefined();
  const standing = await site.source.cut(cut("c2"), op);
  expect(standing.trackedSince).toEqual({ vda: [], vdb: [] });
  await site.source.fence({ item: tracked().item, machine: vm, epoch: 2 }, op);
  crashHost(site.store);
  expect(bootHost(site.store)).toEqual([]);
  await expect(site.source.cut(cut("c3"), op)).rejects.toMatchObject({ code: "STALE_EPOCH" });
});

test("A machine whose start with its host is held is left off by the host, and started when that is asked for", async () => {
  using dir = memoryDir();
  await using site = await simulatedSite({ dir: dir.path, site: "east" });
  addTwoDiskMachine(site.store);
  const { item } = tracked();
  const request = { item, machine: vm };
  const found = async () => {
    const { running, autostart } = await site.platform.inventory.find(vm, op);
    return { running, autostart };
  };
  await site.source.powerOn(vm, op);
  expect(await found()).toEqual({ running: true, autostart: true });
  expect(await site.source.holdAutostart(request, op)).toEqual({ startDue: false });
  expect(await found()).toEqual({ running: true, autostart: false });
  crashHost(site.store);
  expect(bootHost(site.store)).toEqual([]);
  expect(await site.source.holdAutostart(request, op)).toEqual({ startDue: true });
  expect(await site.source.startHeld({ ...request, since: instant(0) }, op)).toEqual({ started: false });
  crashHost(site.store);
  bootHost(site.store);
  expect(await site.source.holdAutostart({ ...request, since: instant(0) }, op)).toEqual({ startDue: true });
  expect(await site.source.startHeld({ ...request, since: instant(0) }, op)).toEqual({ started: true });
  expect(await site.source.startHeld({ ...request, since: instant(0) }, op)).toEqual({ started: false });
  await site.source.giveAutostartBack(vm, op);
  expect(await found()).toEqual({ running: true, autostart: true });
});

test("The start of a fenced machine is its fence's: it is not due, and given back only with a lawful start", async () => {
  using dir = memoryDir();
  await using site = await simulatedSite({ dir: dir.path, site: "east" });
  addTwoDiskMachine(site.store);
  const { item } = tracked();
  const request = { item, machine: vm };
  await site.source.powerOn(vm, op);
  await site.source.holdAutostart(request, op);
  await site.source.fence({ ...request, epoch: 2 }, op);
  crashHost(site.store);
  expect(bootHost(site.store)).toEqual([]);
  expect(await site.source.startHeld(request, op)).toEqual({ started: false });
  await site.source.giveAutostartBack(vm, op);
  expect((await site.platform.inventory.find(vm, op)).autostart).toBe(false);
  await site.source.powerOn(vm, op);
  expect((await site.platform.inventory.find(vm, op)).autostart).toBe(true);
});
