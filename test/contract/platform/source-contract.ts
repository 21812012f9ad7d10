import { expect, test } from "vitest";
import { cutId, itemName } from "#domain/ids.ts";
import { collect } from "#test/support/collect.ts";
import { operation } from "#test/support/operation.ts";
import { readAll } from "#test/support/read-all.ts";
import { block, fixtureOf, op, pattern } from "./fixture.ts";
import type { OpenHarness } from "./harness.ts";

/** What every platform that can be replicated from must do (`ReplicationSource`). */
export function sourceContract(openHarness: OpenHarness): void {
  test("checks pass for a machine that can be tracked, and name each disk", async () => {
    await using harness = await openHarness();
    const { tracked, first, second } = fixtureOf(harness);
    const checks = await harness.source.checks(tracked(), op);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    for (const disk of [first, second]) expect(checks.some(({ name }) => name.includes(disk))).toBe(true);
  });

  test("a whole read of a cut equals the disk at its instant while the guest writes on", async () => {
    await using harness = await openHarness();
    const { first, second, write, cut, read, sourceDisk } = fixtureOf(harness);
    await write(first, 1, "a");
    await write(first, 9, "b");
    await write(second, 3, "c");
    const [firstBefore, secondBefore] = [await sourceDisk(first), await sourceDisk(second)];
    const standing = await cut("c1");
    expect(standing.description).toMatchObject({ id: "c1", item: "app1", epoch: 1, consistency: "crash-consistent" });
    expect(standing.description.disks).toEqual(harness.machine.disks.map(({ id, sizeBytes }) => ({ id, sizeBytes })));
    await write(first, 9, "later");
    await write(second, 5, "later");
    const [firstRead, secondRead] = [await read("c1", first), await read("c1", second)];
    expect(Buffer.from(firstRead.bytes).equals(firstBefore)).toBe(true);
    expect(Buffer.from(secondRead.bytes).equals(secondBefore)).toBe(true);
    const covered = firstRead.extents.reduce((end, { offset, length }) => (offset === end ? end + length : -1), 0);
    expect(covered).toBe(firstBefore.length);
  });

  test("a delta covers the blocks written between the two cuts, and no others written before", async () => {
    await using harness = await openHarness();
    const { first, second, write, cut, release, read, blocksOf, sourceDisk } = fixtureOf(harness);
    await write(first, 2, "before");
    expect((await cut("c1")).trackedSince).toEqual({ [first]: [], [second]: [] });
    await release("c1");
    await harness.write("source", first, { offset: 4 * block - 4096, data: pattern("over two blocks", 8192) });
    await write(first, 11, "x");
    const expected = await sourceDisk(first);
    expect((await cut("c2")).trackedSince).toEqual({ [first]: ["c1"], [second]: ["c1"] });
    await write(first, 15, "after");
    const delta = await read("c2", first, "c1");
    // What was written after the cut may be listed too (a record is a superset), but reads as it was.
    expect(blocksOf(delta.extents).filter((at) => at !== 15)).toEqual([3, 4, 11]);
    for (const { offset, length } of delta.extents)
      expect(
        Buffer.from(delta.bytes.subarray(offset, offset + length)).equals(expected.subarray(offset, offset + length)),
      ).toBe(true);
    expect((await read("c2", second, "c1")).extents).toEqual([]);
  });

  test("reading may start in the middle", async () => {
    await using harness = await openHarness();
    const { first, write, cut, tracked, blocksOf } = fixtureOf(harness);
    await write(first, 1, "a");
    await cut("c1");
    await using disk = await harness.source.openDisk({ tracked: tracked(), cut: cutId("c1"), disk: first }, op);
    const extents = await collect(disk.extents({ from: 7 * block, signal: op.signal }));
    expect(extents[0]?.offset).toBe(7 * block);
    expect(blocksOf(extents)).toHaveLength(disk.sizeBytes / block - 7);
  });

  test("the same cut id again is the same cut, and another releases it but keeps its record", async () => {
    await using harness = await openHarness();
    const { first, write, cut, read, blocksOf, tracked } = fixtureOf(harness);
    const taken = await cut("c1");
    await write(first, 6, "x");
    expect(await cut("c1")).toEqual(taken);
    expect(await harness.source.standingCut(tracked(), op)).toEqual(taken);
    expect((await cut("c2")).trackedSince[first]).toEqual(["c1"]);
    await expect(read("c1", first)).rejects.toMatchObject({ code: "CUT_NOT_FOUND" });
    expect(blocksOf((await read("c2", first, "c1")).extents)).toEqual([6]);
  });

  test("a worker that starts after another's death takes the standing cut up", async () => {
    await using harness = await openHarness();
    const { first, write, cut, tracked } = fixtureOf(harness);
    await write(first, 1, "a");
    const taken = await cut("c1");
    await write(first, 1, "later");
    await using again = await harness.openAgain();
    expect(await again.source.standingCut(tracked(), op)).toEqual(taken);
    await using disk = await again.source.openDisk({ tracked: tracked(), cut: cutId("c1"), disk: first }, op);
    const { bytes } = await readAll(disk);
    expect(Buffer.from(bytes.subarray(block, 2 * block)).equals(pattern("a"))).toBe(true);
  });

  test("release keeps the records it is told to, with all that changed since, and forgets the others", async () => {
    await using harness = await openHarness();
    const { first, write, cut, release, read, blocksOf, tracked } = fixtureOf(harness);
    await cut("c1");
    await release("c1");
    await write(first, 1, "a");
    await cut("c2");
    await write(first, 2, "b");
    await release("c1");
    expect(await harness.source.standingCut(tracked(), op)).toBeUndefined();
    await write(first, 3, "c");
    expect((await cut("c3")).trackedSince[first]).toEqual(["c1"]);
    expect(blocksOf((await read("c3", first, "c1")).extents)).toEqual([1, 2, 3]);
    await expect(read("c3", first, "c2")).rejects.toMatchObject({ code: "TRACKING_LOST" });
    await release("c3");
    await write(first, 4, "d");
    expect((await cut("c4")).trackedSince[first]).toEqual(["c3"]);
    expect(blocksOf((await read("c4", first, "c3")).extents)).toEqual([4]);
  });

  test("two records can be kept side by side, each with its own changes", async () => {
    await using harness = await openHarness();
    const { first, write, cut, release, read, blocksOf } = fixtureOf(harness);
    await cut("c1");
    await write(first, 1, "a");
    await cut("c2");
    await write(first, 2, "b");
    await release("c1", "c2");
    await cut("c3");
    expect(blocksOf((await read("c3", first, "c1")).extents)).toEqual([1, 2]);
    expect(blocksOf((await read("c3", first, "c2")).extents)).toEqual([2]);
  });

  test("a cut whose scratch space is full breaks for its reader, while the guest goes on and the record stays", async () => {
    await using harness = await openHarness();
    const { first, cut, read, release, blocksOf } = fixtureOf(harness);
    const sizeBytes = harness.machine.disks[0]?.sizeBytes ?? 0;
    const scratchBytes = Math.max(harness.leastScratchBytes, sizeBytes / 20);
    const blocks = Math.ceil(scratchBytes / block) + 4;
    const overwrite = (seed: string) =>
      harness.write("source", first, { offset: 0, data: pattern(seed, blocks * block) });
    await overwrite("old");
    await cut("c1", { scratchPercent: 5 });
    await overwrite("new");
    await expect(read("c1", first).then(() => "read to its end")).rejects.toMatchObject({ code: "CUT_BROKEN" });
    expect((await harness.machines("source")).find(({ id }) => id === harness.machine.id)?.running).toBe(true);
    await release("c1");
    await cut("c2");
    expect(blocksOf((await read("c2", first, "c1")).extents)).toEqual(Array.from({ length: blocks }, (_, at) => at));
  });

  test("a machine that is shut off is cut where it stopped, with its changes on record", async () => {
    await using harness = await openHarness();
    const { first, write, cut, release, read, blocksOf, sourceDisk } = fixtureOf(harness);
    await cut("c1");
    await release("c1");
    await write(first, 7, "last words");
    await harness.source.shutDown({ machine: harness.machine.id, graceSeconds: 1, force: true }, op);
    const standing = await cut("c2");
    expect(standing.trackedSince[first]).toEqual(["c1"]);
    expect(blocksOf((await read("c2", first, "c1")).extents)).toEqual([7]);
    expect(Buffer.from((await read("c2", first)).bytes).equals(await sourceDisk(first))).toBe(true);
    await release("c2");
    await harness.source.powerOn(harness.machine.id, op);
    await write(first, 8, "awake again");
    expect((await cut("c3")).trackedSince[first]).toEqual(["c2"]);
    expect(blocksOf((await read("c3", first, "c2")).extents)).toContain(8);
  });

  test("a machine is what it was at a cut as long as it is off and nothing was written, and never while it runs", async () => {
    await using harness = await openHarness();
    const { first, write, cut, release, tracked } = fixtureOf(harness);
    const stillAt = (name: string) => harness.source.stillAt({ tracked: tracked(), cut: cutId(name) }, op);
    await write(first, 1, "x");
    await cut("c1");
    expect(await stillAt("c1")).toBe(false);
    await release("c1");
    await harness.source.shutDown({ machine: harness.machine.id, graceSeconds: 1, force: true }, op);
    expect((await cut("c2")).machineOff).toBe(true);
    expect(await stillAt("c2")).toBe(true);
    await release("c2");
    expect([await stillAt("c2"), await stillAt("c0")]).toEqual([true, false]);
    await harness.source.powerOn(harness.machine.id, op);
    expect(await stillAt("c2")).toBe(false);
    await write(first, 1, "y");
    await harness.source.shutDown({ machine: harness.machine.id, graceSeconds: 1, force: true }, op);
    expect(await stillAt("c2")).toBe(false);
  });

  test("after a crash of the host nothing is claimed to be known", async () => {
    await using harness = await openHarness();
    const { first, second, write, cut, release, read, tracked } = fixtureOf(harness);
    await cut("c1");
    await release("c1");
    await write(first, 3, "x");
    await harness.crashSource();
    await using again = await harness.openAgain();
    expect(await again.source.standingCut(tracked(), op)).toBeUndefined();
    const cutAgain = {
      tracked: tracked(),
      cut: cutId("c2"),
      consistency: "crash-consistent",
      scratchPercent: 50,
    } as const;
    expect((await again.source.cut(cutAgain, op)).trackedSince).toEqual({ [first]: [], [second]: [] });
    await expect(read("c2", first, "c1")).rejects.toMatchObject({ code: "TRACKING_LOST" });
  });

  test("another item's records prove nothing", async () => {
    await using harness = await openHarness();
    const { first, cut, release, tracked } = fixtureOf(harness);
    await cut("c1");
    await release("c1");
    const other = tracked({ item: itemName("other") });
    const standing = await harness.source.cut(
      { tracked: other, cut: cutId("o1"), consistency: "crash-consistent", scratchPercent: 50 },
      op,
    );
    expect(standing.trackedSince[first]).toEqual([]);
    await harness.source.stopTracking(other, op);
  });

  test("one machine is one item: another one's checks name the one that has it, running or off", async () => {
    await using harness = await openHarness();
    const { cut, release, tracked } = fixtureOf(harness);
    const failing = async (item: string): Promise<readonly string[]> =>
      (await harness.source.checks(tracked({ item: itemName(item) }), op)).flatMap((check) =>
        check.passed ? [] : [check.detail],
      );
    await cut("c1");
    await release("c1");
    const named = [expect.stringContaining("is protected as the item app1 already")];
    expect(await failing("other")).toEqual(named);
    expect(await failing("app1")).toEqual([]);
    await harness.source.shutDown({ machine: harness.machine.id, graceSeconds: 1, force: true }, op);
    expect(await failing("other")).toEqual(named);
    await harness.source.stopTracking(tracked(), op);
    expect(await failing("other")).toEqual([]);
  });

  test("stopping leaves nothing behind, and may be said twice", async () => {
    await using harness = await openHarness();
    const { first, cut, tracked } = fixtureOf(harness);
    await cut("c1");
    await harness.source.stopTracking(tracked(), op);
    await harness.source.stopTracking(tracked(), op);
    expect(await harness.source.standingCut(tracked(), op)).toBeUndefined();
    expect((await cut("c2")).trackedSince[first]).toEqual([]);
  });

  test("a fenced machine is off; the same order answers what it found, another one finds it off", async () => {
    await using harness = await openHarness();
    const order = { item: itemName("app1"), machine: harness.machine.id, epoch: 2 };
    expect(await harness.source.fence(order, operation("first"))).toEqual({ wasRunning: true });
    expect(await harness.source.fence(order, operation("first"))).toEqual({ wasRunning: true });
    expect(await harness.source.fence(order, operation("second"))).toEqual({ wasRunning: false });
    expect((await harness.machines("source")).find(({ id }) => id === harness.machine.id)?.running).toBe(false);
  });

  test("a fenced machine obeys no older epoch, and is its owner's again when its tracking is stopped", async () => {
    await using harness = await openHarness();
    const { cut, tracked } = fixtureOf(harness);
    const order = { item: itemName("app1"), machine: harness.machine.id, epoch: 3 };
    await harness.source.fence(order, op);
    const stale = { code: "STALE_EPOCH" };
    await expect(harness.source.fence({ ...order, epoch: 2 }, op)).rejects.toMatchObject(stale);
    await expect(cut("c1")).rejects.toMatchObject(stale);
    await expect(harness.source.stopTracking(tracked(), op)).rejects.toMatchObject(stale);
    await harness.source.stopTracking(tracked({ epoch: 3 }), op);
    expect((await cut("c1")).description.epoch).toBe(1);
  });

  test("a fenced machine that somebody started is turned off again, one whose fence was lifted is not", async () => {
    await using harness = await openHarness();
    const order = { item: itemName("app1"), machine: harness.machine.id, epoch: 2 };
    const running = async () => (await harness.machines("source")).find(({ id }) => id === harness.machine.id)?.running;
    expect(await harness.source.keepFenced(order, op)).toEqual({ wasRunning: false });
    expect(await running()).toBe(true);
    await harness.source.fence(order, op);
    expect(await harness.source.keepFenced(order, op)).toEqual({ wasRunning: false });
    await harness.source.powerOn(harness.machine.id, op);
    expect(await harness.source.keepFenced(order, op)).toEqual({ wasRunning: false });
    expect(await running()).toBe(true);
  });

  test("a machine that is kept on is started when it went off, unless it is fenced", async () => {
    await using harness = await openHarness();
    const { id } = harness.machine;
    const running = async () => (await harness.machines("source")).find((machine) => machine.id === id)?.running;
    expect(await harness.source.keepOn(id, op)).toEqual({ wasOff: false });
    await harness.source.shutDown({ machine: id, graceSeconds: 1, force: true }, op);
    expect(await harness.source.keepOn(id, op)).toEqual({ wasOff: true });
    expect(await running()).toBe(true);
    await harness.source.fence({ item: itemName("app1"), machine: id, epoch: 2 }, op);
    expect(await harness.source.keepOn(id, op)).toEqual({ wasOff: false });
    expect(await running()).toBe(false);
  });

  test("a fence that is taken back leaves the machine as it was found: running, or off", async () => {
    await using harness = await openHarness();
    const { id } = harness.machine;
    const order = { item: itemName("app1"), machine: id, epoch: 2 };
    const running = async () => (await harness.machines("source")).find((machine) => machine.id === id)?.running;
    expect(await harness.source.unfence(id, op)).toEqual({ started: false });
    await harness.source.fence(order, operation("first"));
    expect(await harness.source.unfence(id, op)).toEqual({ started: true });
    expect(await running()).toBe(true);
    expect(await harness.source.keepFenced(order, op)).toEqual({ wasRunning: false });
    await harness.source.shutDown({ machine: id, graceSeconds: 1, force: true }, op);
    await harness.source.fence(order, operation("second"));
    expect(await harness.source.unfence(id, op)).toEqual({ started: false });
    expect(await running()).toBe(false);
    expect(await harness.source.keepOn(id, op)).toEqual({ wasOff: true });
  });

  test("turning on what runs and shutting down what is off change nothing", async () => {
    await using harness = await openHarness();
    const { id } = harness.machine;
    await harness.source.powerOn(id, op);
    await harness.source.shutDown({ machine: id, graceSeconds: 1, force: true }, op);
    expect(await harness.source.shutDown({ machine: id, graceSeconds: 1, force: false }, op)).toEqual({
      forced: false,
    });
  });
}
