import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { diskId } from "#domain/ids.ts";
import type { FaultRule } from "#lab/simulated/faults.ts";
import { addDisk, bootHost, changeGuest, crashHost, growDisk } from "#lab/simulated/machines.ts";
import { operation } from "#test/support/operation.ts";
import { protectedItem, steppedClock } from "#test/support/replication.ts";
import { block, pattern, tracked, vda, vdb, vm, write } from "#test/support/simulated-machine.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

const op = operation();
const imageBytes = 24 * block;

/** Writes records while bytes are being read, as a guest does. */
const whileReading = (item: { write(records: number): void }): FaultRule => ({
  on: "source.read",
  run: () => item.write(1),
});

test("A seed under a writing guest ends with a point that is one instant", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(9);
  const report = await item.replicate("seed", { source: [whileReading(item)], policy: { scratchPercent: 100 } });
  const point = await item.newest();
  expect(report.lastSealed?.cut).toBe(point.id);
  expect(point).toMatchObject({ kept: true, epoch: 1, consistency: "crash-consistent" });
  expect(await item.examine(point)).toMatchObject({ head: 9, problems: [] });
  expect(await item.east.source.standingCut(tracked(), op)).toBeUndefined();
});

test("A copy that was carried by hand is compared, and only what differs is sent", async () => {
  using dir = memoryDir();
  using carried = memoryDir();
  const file = path.join(carried.path, "vda.raw");
  {
    using earlier = memoryDir();
    await using before = await protectedItem({ dir: earlier.path });
    before.write(9);
    writeFileSync(file, before.sourceBytes().subarray(0, 16 * block));
  }
  await using item = await protectedItem({ dir: dir.path, copies: { [vda]: file } });
  item.write(9);
  write(item.east.store, vda, 3 * block, pattern("since then"));
  const expected = item.sourceBytes();
  const report = await item.replicate("seed");
  expect((await item.examine(await item.newest())).bytes.equals(expected)).toBe(true);
  const differing = [...Array(24).keys()].filter((at) => {
    const there = at < 16 ? readFileSync(file).subarray(at * block, (at + 1) * block) : Buffer.alloc(block);
    return !there.equals(expected.subarray(at * block, (at + 1) * block));
  });
  expect(differing.length).toBeLessThan(20);
  expect(report.bytesSent).toBeLessThanOrEqual(differing.length * block);
});

test("Every sealed delta equals the source at its cut, and sends what changed only", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(9);
  await item.replicate("seed");
  for (let round = 0; round < 4; round++) {
    item.write(2);
    const expected = item.sourceBytes();
    const sent = item.wire.dataBytes;
    const report = await item.replicate("run", { source: [{ on: "source.read", nth: 1, run: () => item.write(1) }] });
    expect(report.cycles).toBe(1);
    expect(item.wire.dataBytes - sent).toBeLessThanOrEqual(5 * block);
    const newest = await item.newest();
    expect((await item.examine(newest)).bytes.equals(expected)).toBe(true);
  }
});

test("A run is back to back until its time is over, and an idle guest's latest point stays fresh", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock });
  await item.replicate("seed");
  const report = await item.replicate("run", { returnAfterSeconds: 10 });
  expect(report.cycles).toBe(10);
  expect(report.bytesSent).toBe(0);
  const newest = await item.newest();
  expect(clock.now() - Date.parse(newest.takenAt)).toBeLessThanOrEqual(1000);
});

test("Points are kept at the policy's interval, the newest delta besides", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock });
  await item.replicate("seed");
  await item.replicate("run", {
    returnAfterSeconds: 61,
    policy: { intervalSeconds: 10, crashConsistentEverySeconds: 20 },
  });
  const seconds = (await item.points()).map(({ takenAt, kept }) => [Date.parse(takenAt) / 1000 - 1767225600, kept]);
  expect(seconds).toEqual([
    [0, true],
    [20, true],
    [40, true],
    [60, true],
  ]);
});

test("An app-consistent point is kept when it is due, and a guest that cannot be frozen is told about", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock });
  await item.replicate("seed");
  const app = { appConsistentEverySeconds: 3600 };
  const frozen = await item.replicate("run", { policy: app });
  expect(await item.newest()).toMatchObject({ kept: true, consistency: "app-consistent" });
  expect(frozen.cycles).toBe(1);
  clock.advance(3_700_000);
  changeGuest(item.east.store, vm, { agent: "hook-fails" });
  const failing = await item.replicate("run", { policy: app, returnAfterSeconds: 5 });
  expect(failing.warnings).toMatchObject([{ code: "GUEST_FREEZE_FAILED" }]);
  expect(failing.cycles).toBeGreaterThan(3);
  expect((await item.points()).at(-1)?.consistency).toBe("crash-consistent");
});

test("A guest that can be frozen again is told about with its next app-consistent point", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock, guest: { agent: "hook-fails" } });
  await item.replicate("seed");
  const repaired = { on: "source.cut", nth: 4, run: () => changeGuest(item.east.store, vm, { agent: "present" }) };
  const policy = { appConsistentEverySeconds: 3600 };
  const report = await item.replicate("run", { policy, source: [repaired], returnAfterSeconds: 90 });
  const failed = item.reports.findIndex(({ warnings }) => warnings.length > 0);
  expect(item.reports[failed]).toMatchObject({ warnings: [{ code: "GUEST_FREEZE_FAILED" }] });
  expect(report.warnings).toEqual([]);
  const point = (await item.points()).find(({ consistency }) => consistency === "app-consistent");
  expect(report.lastAppConsistentAt).toBe(point?.takenAt);
  expect(report.cycles).toBeGreaterThan(60);
});

test("A disk that is plugged in ends the stretch within seconds, whatever is replicated of the machine", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock });
  await item.replicate("seed");
  const machineDisks = [vda, vdb];
  const whole = await item.replicate("run", { disks: [vda], machineDisks, returnAfterSeconds: 60 });
  expect(whole.cycles).toBe(60);
  const plug = {
    on: "source.cut",
    nth: 20,
    run: () => addDisk(item.east.store, vm, { id: diskId("vdc"), sizeBytes: 4 * block }),
  };
  const ended = await item.replicate("run", { machineDisks, source: [plug], returnAfterSeconds: 60 });
  expect(ended.cycles).toBeGreaterThanOrEqual(20);
  expect(ended.cycles).toBeLessThanOrEqual(25);
});

test("A disk that is taken out ends the stretch, and is trouble only when it should be there", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, clock: steppedClock() });
  await item.replicate("seed");
  const gone = { source: [{ on: "source.cut", nth: 2, fault: "DISK_NOT_TRACKABLE" }], returnAfterSeconds: 60 } as const;
  const ended = await item.replicate("run", { ...gone, machineDisks: [vda, vdb, diskId("vdc")] });
  expect(ended.cycles).toBe(1);
  await expect(item.replicate("run", { ...gone, machineDisks: [vda, vdb] })).rejects.toMatchObject({
    code: "DISK_NOT_TRACKABLE",
  });
});

test("Lost tracking ends the run with RESYNC_REQUIRED, and resynchronizing sends the difference only", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(12);
  await item.replicate("seed");
  crashHost(item.east.store);
  bootHost(item.east.store);
  await expect(item.replicate("run")).rejects.toMatchObject({ code: "RESYNC_REQUIRED" });
  write(item.east.store, vda, 5 * block, pattern("after the crash"));
  const sent = item.wire.dataBytes;
  const report = await item.replicate("resynchronize");
  expect(item.wire.dataBytes - sent).toBe(block);
  expect(report.bytesSent).toBe(block);
  const newest = await item.newest();
  expect((await item.examine(newest)).bytes.equals(item.sourceBytes())).toBe(true);
  expect((await item.replicate("run")).cycles).toBe(1);
});

test("A seed whose end nobody heard of, and whose records are lost since, compares and ends with a point", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(9);
  await item.replicate("seed");
  crashHost(item.east.store);
  bootHost(item.east.store);
  write(item.east.store, vda, 5 * block, pattern("after the crash"));
  const report = await item.replicate("seed");
  const point = await item.newest();
  expect(report.lastSealed?.cut).toBe(point.id);
  expect((await item.examine(point)).bytes.equals(item.sourceBytes())).toBe(true);
});

test("A cut that the guest overruns is taken again and what was received is gone on with", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, blocks: [64, 64] });
  for (let at = 0; at < 64; at++) write(item.east.store, vda, at * block, pattern(`content ${at}`));
  const overrun: FaultRule = {
    on: "source.read",
    nth: 100,
    run: () => {
      for (let at = 0; at < 20; at++) write(item.east.store, vda, at * block, pattern(`overrun ${at}`));
    },
  };
  const report = await item.replicate("seed", { source: [overrun], policy: { scratchPercent: 20 } });
  const point = await item.newest();
  expect((await item.examine(point)).bytes.equals(item.sourceBytes())).toBe(true);
  expect(report.bytesSent).toBeLessThan(64 * block);
  expect(item.wire.dataBytes).toBeLessThan((64 + 36) * block);
});

test("A guest that always overruns its scratch space is told about instead of tried for ever", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  await expect(
    item.replicate("seed", { source: [whileReading(item)], policy: { scratchPercent: 0 } }),
  ).rejects.toMatchObject({ code: "CUT_BROKEN", message: expect.stringContaining("scratchPercent") });
});

test("An older owner is refused by the replica", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  await item.replicate("seed", { epoch: 2 });
  await expect(item.replicate("run", { epoch: 1 })).rejects.toMatchObject({ code: "STALE_EPOCH" });
});

test("A disk that is added and one that grows are taken in", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(5);
  await item.replicate("seed");
  const vdc = diskId("vdc");
  addDisk(item.east.store, vm, { id: vdc, sizeBytes: 4 * block });
  growDisk(item.east.store, vm, { id: vdb, sizeBytes: 12 * block });
  write(item.east.store, vdc, block, pattern("new disk"));
  write(item.east.store, vdb, 11 * block, pattern("grown"));
  const sent = item.wire.dataBytes;
  await item.replicate("run", { disks: [vda, vdb, vdc] });
  const newest = await item.newest();
  expect(newest.disks.map(({ sizeBytes }) => sizeBytes / block)).toEqual([16, 12, 4]);
  expect((await item.examine(newest)).bytes.equals(item.sourceBytes())).toBe(true);
  expect(item.wire.dataBytes - sent).toBeLessThan(imageBytes / 2);
});

test("The final delta of a machine that is shut off leaves nothing behind", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(5);
  await item.replicate("seed");
  item.write(3);
  const expected = item.sourceBytes();
  await item.east.source.shutDown({ machine: vm, graceSeconds: 60, force: false }, op);
  const report = await item.replicate("final");
  expect(report.cycles).toBe(1);
  const newest = await item.newest();
  expect(newest.kept).toBe(true);
  expect((await item.examine(newest)).bytes.equals(expected)).toBe(true);
});

test("The final delta is refused while the machine runs: somebody started it again", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(5);
  await item.replicate("seed");
  const points = (await item.newest()).id;
  item.write(3);
  await expect(item.replicate("final")).rejects.toMatchObject({ code: "MACHINE_RUNNING" });
  expect((await item.newest()).id).toBe(points);
});

test("A machine that is off is cut once, and said to be off until it is cut running again", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock });
  await item.replicate("seed");
  item.write(3);
  await item.east.source.shutDown({ machine: vm, graceSeconds: 0, force: true }, op);
  const off = await item.replicate("run", { returnAfterSeconds: 30 });
  expect(off.cycles).toBe(1);
  const next = await item.replicate("run", { returnAfterSeconds: 30 });
  expect(next.cycles).toBe(0);
  // The time of the last look: so long nothing newer was to be had.
  expect(next.warnings).toEqual([
    {
      code: "MACHINE_NOT_RUNNING",
      message: expect.stringContaining("item app1 is not running"),
      at: expect.anything(),
    },
  ]);
  expect(clock.now() - Date.parse(next.warnings[0]?.at ?? "")).toBeLessThan(2_000);
  const started = { on: "source.stillAt", nth: 3, run: () => item.east.source.powerOn(vm, op) };
  const on = await item.replicate("run", { returnAfterSeconds: 30, source: [started] });
  expect(on.warnings).toEqual([]);
  expect(on.cycles).toBeGreaterThan(10);
});

test("A cut of a machine that was started while it was read is thrown away, and taken again of the running one", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, clock: steppedClock() });
  await item.replicate("seed");
  item.write(3);
  await item.east.source.shutDown({ machine: vm, graceSeconds: 0, force: true }, op);
  let cuts = 0;
  const counted = { on: "source.cut", run: () => void (cuts += 1) };
  // Asked first whether there is anything new, and then before it is sealed.
  const started = { on: "source.stillAt", nth: 2, run: () => item.east.source.powerOn(vm, op) };
  const report = await item.replicate("run", { source: [started, counted], returnAfterSeconds: 3 });
  expect(report.cycles).toBeGreaterThan(0);
  expect(cuts).toBe(report.cycles + 1);
  expect(report.warnings).toEqual([]);
});

test("A cancelled run returns its report at once and leaves no cut standing", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  item.write(5);
  await item.replicate("seed");
  item.write(3);
  const stop = new AbortController();
  const report = await item.replicate("run", {
    returnAfterSeconds: 100,
    signal: stop.signal,
    target: [{ on: "replica.write", nth: 2, run: () => stop.abort() }],
  });
  expect(report.cycles).toBe(0);
  const after = await item.replicate("run");
  expect(after.cycles).toBe(1);
  const newest = await item.newest();
  expect((await item.examine(newest)).bytes.equals(item.sourceBytes())).toBe(true);
  await expect(item.replicate("seed", { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
});

test("A link that breaks for a moment is joined again within the run", async () => {
  using dir = memoryDir();
  const clock = steppedClock();
  await using item = await protectedItem({ dir: dir.path, clock });
  item.write(5);
  await item.replicate("seed");
  item.write(5);
  const report = await item.replicate("run", {
    target: [{ on: "replica.write", nth: 2, fault: "CONNECTION_LOST" }],
    returnAfterSeconds: 3,
  });
  expect(report.cycles).toBeGreaterThan(0);
  expect(item.wire.sessions).toBe(3);
});
