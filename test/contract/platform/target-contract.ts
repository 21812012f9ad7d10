import { expect, test } from "vitest";
import { cutId, failoverId, itemName, machineId } from "#domain/ids.ts";
import { receive } from "#test/support/send.ts";
import { block, fixtureOf, never, op, pattern, replica } from "./fixture.ts";
import type { OpenHarness } from "./harness.ts";

/** What every platform that keeps replicas must do (`RecoveryTarget`). */
export function targetContract(openHarness: OpenHarness): void {
  test("checks pass for a machine that can be kept here", async () => {
    await using harness = await openHarness();
    const checks = await harness.target.checks(fixtureOf(harness).spec(), op);
    expect(checks.length).toBeGreaterThan(0);
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
  });

  test("what is being received is in no point until it is sealed, and sealing again answers the same point", async () => {
    await using harness = await openHarness();
    const { spec, opening, cut, write, first, tracked, points } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await harness.target.createReplica(spec(), op);
    await write(first, 1, "a");
    const { description } = await cut("c1");
    await using opened = await harness.target.open(opening(), never);
    expect(await opened.state(never)).toMatchObject({ replica, epoch: 1 });
    await receive({ source: harness.source, tracked: tracked(), replica: opened, cut: description });
    expect(await points()).toEqual([]);
    expect((await opened.state(never)).incoming).toMatchObject({ cut: "c1", mode: "full" });
    const request = { cut: description, keep: true, retentionSeconds: 86_400 };
    const point = await opened.seal(request, never);
    expect(point).toMatchObject({ id: "c1", kept: true, consistency: "crash-consistent", epoch: 1 });
    expect(await opened.seal(request, never)).toEqual(point);
    expect(await harness.target.points(replica, op)).toEqual([point]);
    const state = await opened.state(never);
    expect([state.lastCut, state.lastKeptAt, state.incoming]).toEqual(["c1", description.takenAt, undefined]);
  });

  test("points come newest last, the newest delta among them until the next replaces it", async () => {
    await using harness = await openHarness();
    const { spec, cycle, write, first, points } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    for (const [at, keep] of [true, false, false, true, false].entries()) {
      await write(first, at, `round ${at}`);
      await cycle(`c${at}`, { keep });
    }
    expect(await points()).toEqual([
      ["c0", true],
      ["c3", true],
      ["c4", false],
    ]);
    const verified = await harness.target.verify({ replica, point: cutId("c4") }, op);
    expect(verified.mismatched).toBe(0);
    expect(verified.blocks).toBeGreaterThan(0);
  });

  test("an interrupted delta is taken up where it was, under its first cut, also with a later one", async () => {
    await using harness = await openHarness();
    const { spec, opening, cut, write, first, cycle } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await write(first, 1, "a");
    await cycle("c1");
    const { description } = await cut("c2");
    {
      await using opened = await harness.target.open(opening(), never);
      await opened.begin({ cut: description, mode: "delta", base: cutId("c1") }, never);
      await using sink = await opened.sink(first, never);
      await sink.write(2 * block, pattern("b"), never);
      await sink.flush(never);
      await opened.checkpoint(first, 3 * block, never);
    }
    const later = await cut("c3");
    await using opened = await harness.target.open(opening(), never);
    const expected = { cut: "c2", mode: "delta", base: "c1", resumeOffsets: { [first]: 3 * block } };
    expect((await opened.state(never)).incoming).toMatchObject(expected);
    expect(await opened.begin({ cut: later.description, mode: "delta", base: cutId("c1") }, never)).toMatchObject(
      expected,
    );
    await using current = await opened.current(first, never);
    const there = new Uint8Array(3 * block);
    await current.read(0, there, never);
    expect(Buffer.from(there.subarray(2 * block)).equals(pattern("b"))).toBe(true);
    expect(Buffer.from(there.subarray(block, 2 * block)).equals(pattern("a"))).toBe(true);
    await opened.discardIncoming(never);
    expect((await opened.state(never)).incoming).toBeUndefined();
  });

  test("zeroes take the place of data", async () => {
    await using harness = await openHarness();
    const { spec, opening, cut, write, first, cycle, failover } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await write(first, 1, "a");
    await write(first, 2, "b");
    await cycle("c1");
    const { description } = await cut("c2");
    await using opened = await harness.target.open(opening(), never);
    await opened.begin({ cut: description, mode: "delta", base: cutId("c1") }, never);
    await using sink = await opened.sink(first, never);
    await sink.zero(block, block, never);
    await sink.flush(never);
    const point = await opened.seal({ cut: description, keep: true, retentionSeconds: 86_400 }, never);
    const started = await harness.target.failOver(failover("t1", point), op);
    const disk = await harness.readDisk("target", started.machine, first);
    expect(disk.subarray(block, 2 * block).every((byte) => byte === 0)).toBe(true);
    expect(disk.subarray(2 * block, 3 * block).equals(pattern("b"))).toBe(true);
    await harness.target.discard({ replica, failover: failoverId("t1"), epoch: 1 }, op);
  });

  test("an older epoch is refused, another site too, and a newer epoch's opening ends an older one", async () => {
    await using harness = await openHarness();
    const { spec, opening } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await expect(harness.target.open({ ...opening(), peerSite: "elsewhere" }, never)).rejects.toMatchObject({
      code: "PEER_NOT_ALLOWED",
    });
    await using older = await harness.target.open(opening(1), never);
    await using newer = await harness.target.open(opening(2), never);
    expect((await newer.state(never)).epoch).toBe(2);
    await expect(older.state(never)).rejects.toMatchObject({
      code: expect.stringMatching(/^(STALE_EPOCH|REPLICA_BUSY)$/),
    });
    await expect(harness.target.open(opening(1), never)).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await expect(harness.target.createReplica(spec({ epoch: 1 }), op)).rejects.toMatchObject({ code: "STALE_EPOCH" });
  });

  test("another item, or another machine, does not get in: its replica is not taken over and its cuts are not received", async () => {
    await using harness = await openHarness();
    const { spec, opening, cut } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    const machine = { ...harness.machine, id: machineId("7d0f5ed0-5eed-4000-8000-00000000beef") };
    for (const over of [{ item: itemName("other") }, { machine }])
      await expect(harness.target.createReplica(spec(over), op)).rejects.toMatchObject({ code: "REPLICA_BUSY" });
    const { description } = await cut("c1");
    await using opened = await harness.target.open(opening(), never);
    const others = { ...description, item: itemName("other") };
    await expect(opened.begin({ cut: others, mode: "full" }, never)).rejects.toMatchObject({
      code: "PEER_NOT_ALLOWED",
    });
    await opened.begin({ cut: description, mode: "full" }, never);
  });

  test("a test failover shows its point exactly while receiving goes on, and its clean-up leaves nothing", async () => {
    await using harness = await openHarness();
    const { spec, cycle, write, first, sourceDisk, failover, points } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await write(first, 1, "a");
    const expected = await sourceDisk(first);
    const point = await cycle("c1");
    const request = failover("t1", point);
    const started = await harness.target.failOver(request, op);
    expect(await harness.target.failOver(request, op)).toEqual(started);
    expect(started).toMatchObject({ failover: "t1", point: "c1", machineName: `${harness.machine.name}-Test` });
    await write(first, 1, "b");
    await cycle("c2", { keep: false });
    await cycle("c3", { keep: false });
    expect((await harness.readDisk("target", started.machine, first)).equals(expected)).toBe(true);
    expect((await harness.machines("target")).find(({ id }) => id === started.machine)?.running).toBe(true);
    await harness.target.discard({ replica, failover: request.failover, epoch: 1 }, op);
    await harness.target.discard({ replica, failover: request.failover, epoch: 1 }, op);
    expect((await harness.machines("target")).some(({ id }) => id === started.machine)).toBe(false);
    expect(await points()).toEqual([
      ["c1", true],
      ["c3", false],
    ]);
  });

  test("a test failover in a named network hangs on that alone, whatever is mapped", async () => {
    await using harness = await openHarness();
    const { spec, cycle, failover } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    const point = await cycle("c1");
    const { testNetwork } = harness;
    for (const [index, networks] of [harness.networks, {}].entries()) {
      const request = failover(`t${index}`, point, { isolated: false, networks, onlyNetwork: testNetwork });
      const started = await harness.target.failOver(request, op);
      const machine = (await harness.machines("target")).find(({ id }) => id === started.machine);
      expect([...new Set(machine?.adapters.map(({ network }) => network))]).toEqual([testNetwork]);
      await harness.target.discard({ replica, failover: request.failover, epoch: 1 }, op);
    }
    const nowhere = failover("t2", point, { isolated: false, networks: {}, onlyNetwork: "nowhere" });
    await expect(harness.target.failOver(nowhere, op)).rejects.toMatchObject({ code: "NETWORK_NOT_FOUND" });
    // What cannot be made leaves nothing behind.
    expect((await harness.target.points(replica, op)).map(({ id }) => id)).toEqual(["c1"]);
    expect((await harness.machines("target")).filter(({ name }) => name.endsWith("-Test"))).toEqual([]);
  });

  test("an unplanned failover refuses the old owner, can change its point, and is final once committed", async () => {
    await using harness = await openHarness();
    const { spec, cycle, write, first, sourceDisk, failover, opening, points } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await write(first, 1, "a");
    const atFirst = await sourceDisk(first);
    const older = await cycle("c1");
    await write(first, 1, "b");
    const atSecond = await sourceDisk(first);
    const newer = await cycle("c2");
    const real = { kind: "unplanned", isolated: false, machineName: harness.machine.name } as const;
    const request = failover("f1", newer, { ...real, epoch: 2 });
    const started = await harness.target.failOver(request, op);
    expect((await harness.readDisk("target", started.machine, first)).equals(atSecond)).toBe(true);
    await expect(harness.target.open(opening(1), never)).rejects.toMatchObject({ code: "STALE_EPOCH" });
    const changed = await harness.target.changePoint({ ...request, point: older.id }, op);
    expect(changed.point).toBe("c1");
    expect((await harness.readDisk("target", changed.machine, first)).equals(atFirst)).toBe(true);
    await harness.target.commit({ replica, failover: request.failover }, op);
    await harness.target.commit({ replica, failover: request.failover }, op);
    expect((await points()).map(([id]) => id)).toEqual(["c1"]);
    await expect(harness.target.changePoint(request, op)).rejects.toMatchObject({ code: "OPERATION_NOT_ALLOWED" });
    await harness.target.deleteReplica(replica, op);
    const left = (await harness.machines("target")).find(({ id }) => id === changed.machine);
    expect(left?.running).toBe(true);
    expect((await harness.readDisk("target", changed.machine, first)).equals(atFirst)).toBe(true);
  });

  test("orders with an older epoch change nothing, nor does a second failover under the same", async () => {
    await using harness = await openHarness();
    const { spec, cycle, write, first, sourceDisk, failover } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await write(first, 1, "a");
    const older = await cycle("c1");
    await write(first, 1, "b");
    const atSecond = await sourceDisk(first);
    const newer = await cycle("c2");
    const real = { kind: "unplanned", isolated: false, machineName: harness.machine.name } as const;
    await expect(harness.target.failOver(failover("f1", newer, { ...real, epoch: 1 }), op)).rejects.toMatchObject({
      code: "STALE_EPOCH",
    });
    const request = failover("f1", newer, { ...real, epoch: 2 });
    const started = await harness.target.failOver(request, op);
    const stale = { ...request, epoch: 1 };
    const undo = { replica, failover: request.failover, epoch: 1 };
    for (const order of [
      () => harness.target.changePoint({ ...stale, point: older.id }, op),
      () => harness.target.changePoint({ ...stale, failover: failoverId("f2"), point: older.id }, op),
      () => harness.target.discard(undo, op),
      () => harness.target.discard({ ...undo, failover: failoverId("unheard-of") }, op),
      () => harness.target.failOver(failover("t1", newer), op),
    ])
      await expect(order()).rejects.toMatchObject({ code: "STALE_EPOCH" });
    // A newer one does not make a replica again of what its machine runs on.
    await expect(harness.target.createReplica(spec({ epoch: 3 }), op)).rejects.toMatchObject({ code: "REPLICA_BUSY" });
    expect((await harness.machines("target")).find(({ id }) => id === started.machine)?.running).toBe(true);
    expect((await harness.readDisk("target", started.machine, first)).equals(atSecond)).toBe(true);
    expect(await harness.target.failOver(request, op)).toEqual(started);
  });

  test("a change of the recovery point that cannot succeed leaves the machine running as it was", async () => {
    await using harness = await openHarness();
    const { spec, cycle, write, first, sourceDisk, failover } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    const older = await cycle("c1");
    await write(first, 1, "b");
    const before = await sourceDisk(first);
    const newer = await cycle("c2");
    const request = failover("f1", newer, {
      kind: "unplanned",
      isolated: false,
      machineName: harness.machine.name,
      epoch: 2,
    });
    const started = await harness.target.failOver(request, op);
    const [network = ""] = Object.keys(harness.networks);
    const change = { ...request, failover: failoverId("f2"), point: older.id, epoch: 3 };
    await expect(
      harness.target.changePoint({ ...change, networks: { [network]: "nowhere" } }, op),
    ).rejects.toMatchObject({ code: "NETWORK_NOT_FOUND" });
    await expect(harness.target.changePoint({ ...change, point: cutId("c9") }, op)).rejects.toMatchObject({
      code: "POINT_NOT_FOUND",
    });
    expect((await harness.machines("target")).find(({ id }) => id === started.machine)?.running).toBe(true);
    expect((await harness.readDisk("target", started.machine, first)).equals(before)).toBe(true);
    // The epoch was not raised by what was refused: the failover is still the same one's to decide on.
    await harness.target.commit({ replica, failover: request.failover }, op);
  });

  test("a cancelled failover is undone, and the replica receives again under the new epoch only", async () => {
    await using harness = await openHarness();
    const { spec, cycle, write, first, failover, opening } = fixtureOf(harness);
    await harness.target.createReplica(spec(), op);
    await write(first, 1, "a");
    const point = await cycle("c1");
    const request = failover("f1", point, {
      kind: "planned",
      isolated: false,
      machineName: harness.machine.name,
      epoch: 2,
    });
    const started = await harness.target.failOver(request, op);
    await harness.target.discard({ replica, failover: request.failover, epoch: 3 }, op);
    expect((await harness.machines("target")).some(({ id }) => id === started.machine)).toBe(false);
    await expect(harness.target.open(opening(2), never)).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await using opened = await harness.target.open(opening(3), never);
    expect((await opened.state(never)).lastCut).toBe("c1");
  });
}
