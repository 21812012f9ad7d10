import { describe, expect, test } from "vitest";
import type { ReplicateRequest } from "#activities/replication/request.ts";
import type { FaultRule } from "#lab/simulated/faults.ts";
import { bootHost, crashHost } from "#lab/simulated/machines.ts";
import { operation } from "#test/support/operation.ts";
import { protectedItem } from "#test/support/replication.ts";
import { block, pattern, vda, vm, write } from "#test/support/simulated-machine.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";

const op = operation();
const sourceCalls = ["source.cut", "source.openDisk", "source.read", "source.release"];
const targetCalls = [
  "target.open",
  "replica.state",
  "replica.begin",
  "replica.sink",
  "replica.write",
  "replica.flush",
  "replica.checkpoint",
  "replica.seal",
];
const dataBlocks = 14;

type Item = Awaited<ReturnType<typeof protectedItem>>;

/** Brings the item to where `mode` begins, with 14 blocks of content and something to send. */
const preparations: Readonly<Record<ReplicateRequest["mode"], (item: Item) => Promise<unknown>>> = {
  seed: async (item) => fill(item, 0),
  run: async (item) => {
    fill(item, 0);
    await item.replicate("seed");
    fill(item, 1);
  },
  final: async (item) => {
    await preparations.run(item);
    await item.east.source.shutDown({ machine: vm, graceSeconds: 1, force: false }, op);
  },
  resynchronize: async (item) => {
    await preparations.run(item);
    crashHost(item.east.store);
    bootHost(item.east.store);
  },
};

function fill(item: Item, round: number): void {
  for (let at = 1; at < dataBlocks; at++)
    write(item.east.store, vda, at * block, pattern(`round ${round} block ${at}`));
}

/** Which call is struck, and whether it still has its effect: early, late, and by a lost answer. */
const strikes = [
  [1, "before"],
  [1, "after"],
  [7, "after"],
] as const;

describe.each(["seed", "run", "final", "resynchronize"] as const)("A %s", (mode) => {
  test.each([...sourceCalls, ...targetCalls])("that fails at any %s is gone on with to the same image", async (on) => {
    for (const [nth, when] of strikes) {
      using dir = memoryDir();
      await using item = await protectedItem({ dir: dir.path });
      await preparations[mode](item);
      const before = item.wire.dataBytes;
      const rule: FaultRule = { on, nth, when, fault: "HOST_UNREACHABLE" };
      const rules = on.startsWith("source") ? { source: [rule] } : { target: [rule] };
      await item.replicate(mode, rules).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "HOST_UNREACHABLE" });
      });
      if (mode !== "final") write(item.east.store, vda, 3 * block, pattern(`between ${on} ${nth} ${when}`));
      await item.replicate(mode);
      expect((await item.examine(await item.newest())).bytes.equals(item.sourceBytes())).toBe(true);
      expect(item.wire.dataBytes - before).toBeLessThan(1.6 * dataBlocks * block);
    }
  });
});

test("A second attempt that also fails leaves no mixture of two cuts behind", async () => {
  for (const second of [1, 2, 3, 5, 8, 13]) {
    using dir = memoryDir();
    await using item = await protectedItem({ dir: dir.path });
    fill(item, 0);
    const lost = (nth: number) => ({ target: [{ on: "replica.write", nth, fault: "STORE_FULL" } as const] });
    await expect(item.replicate("seed", lost(10))).rejects.toMatchObject({ code: "STORE_FULL" });
    for (let at = 1; at < 9; at++) write(item.east.store, vda, at * block, pattern(`meanwhile ${at}`));
    await item.replicate("seed", lost(second)).catch(() => undefined);
    write(item.east.store, vda, 2 * block, pattern("and again"));
    await item.replicate("seed");
    expect((await item.examine(await item.newest())).bytes.equals(item.sourceBytes())).toBe(true);
  }
});

test("A seed whose records are lost half-way compares what is there instead of sending it again", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  fill(item, 0);
  const rule: FaultRule = { on: "replica.write", nth: 11, fault: "STORE_FULL" };
  await expect(item.replicate("seed", { target: [rule] })).rejects.toMatchObject({ code: "STORE_FULL" });
  crashHost(item.east.store);
  bootHost(item.east.store);
  const before = item.wire.dataBytes;
  write(item.east.store, vda, block, pattern("after the crash"));
  await item.replicate("seed");
  expect((await item.examine(await item.newest())).bytes.equals(item.sourceBytes())).toBe(true);
  expect(item.wire.dataBytes - before).toBeLessThanOrEqual(7 * block);
});

test("A worker that died with a cut standing is followed by one that takes the same cut up", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path });
  fill(item, 0);
  // Its release fails too: nothing of the dead one's was tidied.
  const dead = { source: [{ on: "source.release", fault: "HOST_UNREACHABLE" } as const] };
  const struck = { target: [{ on: "replica.write", nth: 11, fault: "STORE_FULL" } as const] };
  await expect(item.replicate("seed", { ...dead, ...struck })).rejects.toMatchObject({ code: "STORE_FULL" });
  const expected = item.sourceBytes();
  write(item.east.store, vda, block, pattern("later"));
  const before = item.wire.dataBytes;
  await item.replicate("seed");
  expect((await item.examine(await item.newest())).bytes.equals(expected)).toBe(true);
  expect(item.wire.dataBytes - before).toBeLessThanOrEqual(6 * block);
});
