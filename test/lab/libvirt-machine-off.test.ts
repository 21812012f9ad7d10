import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReplicateReport } from "#activities/replication/request.ts";
import { isFault } from "#domain/fault.ts";
import { cutId } from "#domain/ids.ts";
import { killQemu } from "#lab/faults/services.ts";
import type { Lab } from "#lab/hosts/lab.ts";
import { startLab } from "#lab/hosts/lab.ts";
import { block, fixtureOf, op, pattern } from "#test/contract/platform/fixture.ts";
import type { PlatformHarness } from "#test/contract/platform/harness.ts";
import { replication, same } from "./harness-replication.ts";
import { openLibvirtHarness } from "./libvirt-harness.ts";
import { labId } from "./lab-id.ts";

/** The production machine's start always wins over replication, which reads its disks as they lie while it is off. */
let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ id: labId("off") });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const virsh = (harness: PlatformHarness, ...words: readonly string[]) =>
  lab.host("paris1").run('virsh -q "$@"', [...words, harness.machine.name]);
const isOff = async (harness: PlatformHarness): Promise<void> => {
  await expect.poll(async () => (await virsh(harness, "domstate")).stdout.trim(), { interval: 20 }).toBe("shut off");
};
const imageOf = async (harness: PlatformHarness): Promise<string> => {
  const { stdout } = await virsh(harness, "domblklist");
  return /vda\s+(\S+)/.exec(stdout)?.[1] ?? "";
};

describe("a cut of a machine that is off", () => {
  it("does not hold its start up while its disks are read, and is broken by it", async () => {
    await using harness = await openLibvirtHarness(lab);
    const { first, tracked, write, cut, release } = fixtureOf(harness);
    await write(first, 0, "before");
    await cut("c0");
    await release("c0");
    await virsh(harness, "destroy");
    const c1 = { tracked: tracked(), cut: cutId("c1") };
    expect((await cut("c1")).machineOff).toBe(true);
    const into = new Uint8Array(block);
    {
      await using whole = await harness.source.openDisk({ ...c1, disk: first }, op);
      await using changes = await harness.source.openDisk({ ...c1, disk: first, since: cutId("c0") }, op);
      await whole.read(0, into, op.signal);
      expect(Buffer.from(into).equals(pattern("before"))).toBe(true);
      expect(await harness.source.stillAt(c1, op)).toBe(true);
      await virsh(harness, "start");
      await changes.read(0, into, op.signal);
    }
    expect(await harness.source.stillAt(c1, op)).toBe(false);
    // What is known of changes cannot be read any more, but is not lost.
    await expect(harness.source.openDisk({ ...c1, disk: first, since: cutId("c0") }, op)).rejects.toMatchObject({
      code: "CUT_BROKEN",
    });
    await release("c0", "c1");
    expect((await cut("c2")).trackedSince[first]?.toSorted()).toEqual(["c0", "c1"]);
  });

  it("is proven by its record where the times of its images tell nothing, and never by a machine that ran in between", async () => {
    await using harness = await openLibvirtHarness(lab);
    const { first, tracked, write, cut, release } = fixtureOf(harness);
    await virsh(harness, "destroy");
    const c1 = { tracked: tracked(), cut: cutId("c1") };
    await cut("c1");
    await release("c1");
    expect(await harness.source.stillAt({ ...c1, cut: cutId("c0") }, op)).toBe(false);
    expect(await harness.source.stillAt(c1, op)).toBe(true);
    await lab.host("paris1").run('touch "$1"', [await imageOf(harness)]);
    // Touched, not written.
    expect(await harness.source.stillAt(c1, op)).toBe(true);
    await virsh(harness, "start");
    await virsh(harness, "destroy");
    // Started and stopped, and nothing was written.
    expect(await harness.source.stillAt(c1, op)).toBe(true);
    await virsh(harness, "start");
    await write(first, 0, "meanwhile");
    await virsh(harness, "destroy");
    expect(await harness.source.stillAt(c1, op)).toBe(false);
    await cut("c2");
    await release("c2");
    await virsh(harness, "start");
    await killQemu(lab.host("paris1"), harness.machine.name);
    await isOff(harness);
    expect(await harness.source.stillAt({ ...c1, cut: cutId("c2") }, op)).toBe(false);
  });

  it("needs another one when the machine has been changed", async () => {
    await using harness = await openLibvirtHarness(lab);
    const { tracked, cut, release } = fixtureOf(harness);
    await virsh(harness, "destroy");
    await cut("c1");
    await release("c1");
    const c1 = { tracked: tracked(), cut: cutId("c1") };
    expect(await harness.source.stillAt(c1, op)).toBe(true);
    await lab.host("paris1").run('virsh -q desc "$1" --config "another machine"', [harness.machine.name]);
    expect(await harness.source.stillAt(c1, op)).toBe(false);
  });
});

describe("a cut of a running machine", () => {
  it("that is shut off in the middle of it is broken by that, and by nothing else", async () => {
    await using harness = await openLibvirtHarness(lab);
    const { first, tracked, cut, release } = fixtureOf(harness);
    const ends: unknown[] = [];
    for (let round = 0; round < 6; round += 1) {
      const name = `c${round}`;
      const request = { tracked: tracked(), cut: cutId(name), disk: first };
      const power = { on: true };
      const work = (async () => {
        // One that was taken too late is of a machine that is off, and good.
        const { machineOff = false } = await cut(name);
        while (power.on && !machineOff) {
          await using opened = await harness.source.openDisk(request, op);
          await opened.read(0, new Uint8Array(block), op.signal);
        }
      })();
      const ended = work.then(
        () => "good",
        (error: unknown) => (isFault(error) ? error.code : error),
      );
      await sleep(round * 80);
      await virsh(harness, "destroy");
      await sleep(100);
      power.on = false;
      ends.push(await ended);
      await release(name);
      await virsh(harness, "start");
    }
    expect(ends.filter((end) => end !== "good" && end !== "CUT_BROKEN")).toEqual([]);
    expect(ends).toContain("CUT_BROKEN");
  });
});

/** Replicates without a pause, and resynchronizes when it has to, as an item's workflow does. */
const replicateAlways = (harness: PlatformHarness) => {
  const replicate = replication(harness);
  const life = { ended: false, seen: { resynchronized: 0 } };
  let last: ReplicateReport | undefined;
  const once = async (mode: "run" | "resynchronize"): Promise<void> => {
    try {
      last = await replicate(mode);
    } catch (error) {
      if (!isFault(error)) throw error;
      if (error.code === "RESYNC_REQUIRED" || error.code === "TRACKING_LOST") {
        life.seen.resynchronized += 1;
        return await once("resynchronize");
      }
      // Broken five times in a row.
      if (error.code !== "CUT_BROKEN") throw error;
    }
  };
  const going = (async () => {
    while (!life.ended) await once("run");
  })();
  return {
    seen: life.seen,
    warnings: () => last?.warnings.map(({ code }) => code) ?? [],
    async end() {
      life.ended = true;
      await going;
      await once("run");
    },
  };
};

it("a machine that is killed again and again starts at the first try each time, and replication follows", async () => {
  await using harness = await openLibvirtHarness(lab);
  const { spec, first, second, write } = fixtureOf(harness);
  await harness.target.createReplica(spec(), op);
  for (let at = 0; at < 200; at += 1) await write(first, at, `content ${at}`);
  await replication(harness)("seed");
  const replicating = replicateAlways(harness);
  for (let round = 0; round < 6; round += 1) {
    await write(first, round, `round ${round}`);
    await write(second, round, `round ${round}`);
    if (round % 2 === 0) await killQemu(lab.host("paris1"), harness.machine.name);
    else await virsh(harness, "destroy");
    await isOff(harness);
    await sleep(round * 120);
    await virsh(harness, "start"); // rejects when it cannot be started
  }
  await replicating.end();
  expect(replicating.seen.resynchronized).toBeGreaterThan(0);
  // How many cuts come to their end between the kills is a matter of pace; that what they left is the machine's disks is not.
  expect(await same(harness, "look")).toBe(true);
});

it("a machine that stays off is cut once, said to be off, and followed again when it runs", async () => {
  await using harness = await openLibvirtHarness(lab);
  const { spec, first, write } = fixtureOf(harness);
  const replicate = replication(harness);
  await harness.target.createReplica(spec(), op);
  await write(first, 0, "content");
  await replicate("seed");
  await write(first, 1, "last words");
  await virsh(harness, "destroy");
  const off = await replicate("run");
  expect(off).toMatchObject({ cycles: 1, warnings: [{ code: "MACHINE_NOT_RUNNING" }] });
  const changed = async () => (await lab.host("paris1").run('stat -c %z "$1"', [await imageOf(harness)])).stdout;
  const before = await changed();
  for (let stretch = 0; stretch < 3; stretch += 1)
    expect(await replicate("run")).toMatchObject({ cycles: 0, warnings: [{ code: "MACHINE_NOT_RUNNING" }] });
  expect(await changed()).toBe(before);
  expect(await same(harness, "look")).toBe(true);
  await virsh(harness, "start");
  await write(first, 2, "awake");
  expect(await replicate("run")).toMatchObject({ cycles: 1, warnings: [] });
  expect(await same(harness, "look-again")).toBe(true);
});
