import { expect, test } from "vitest";
import type { FaultRule } from "#lab/simulated/faults.ts";
import { bootHost, crashHost } from "#lab/simulated/machines.ts";
import { operation } from "#test/support/operation.ts";
import { protectedItem } from "#test/support/replication.ts";
import { block, pattern, tracked, vda, vdb, vm, write } from "#test/support/simulated-machine.ts";
import { serveStore, siteTls } from "#test/support/stream-sites.ts";
import { memoryDir } from "#test/support/temporary-dir.ts";
import type { ReplicaOpener } from "#transfer/replica.ts";
import type { ConnectReplica } from "#transfer/session.ts";
import { connectTuned } from "#transfer/stream/connect.ts";

/** The product's own stream over mutual TLS on this machine, with checkpoints close enough together to be resumed at. */
async function stream(opener: ReplicaOpener) {
  const server = await serveStore(opener);
  const tls = await siteTls("east");
  const connectReplica: ConnectReplica = (request, signal) =>
    connectTuned({ ...request, tls, port: server.port }, { checkpointBytes: 8 * block, signal });
  return { connectReplica, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

type Item = Awaited<ReturnType<typeof protectedItem>>;
const blocks = 64;

function fill(item: Item, round: number): void {
  for (let at = 1; at < blocks; at++) write(item.east.store, vda, at * block, pattern(`round ${round} block ${at}`));
  write(item.east.store, vdb, 3 * block, pattern(`round ${round}`));
}
const equal = async (item: Item): Promise<boolean> =>
  (await item.examine(await item.newest())).bytes.equals(item.sourceBytes());

test("A whole life of a replica goes over the stream: seed, deltas, lost records, resynchronization, the final delta", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, blocks: [blocks, 8], link: stream });
  fill(item, 0);
  await item.replicate("seed");
  expect(await equal(item)).toBe(true);
  item.write(7);
  const delta = await item.replicate("run");
  expect(await equal(item)).toBe(true);
  expect(delta.bytesSent).toBeLessThanOrEqual(8 * block);
  crashHost(item.east.store);
  bootHost(item.east.store);
  write(item.east.store, vda, 9 * block, pattern("unrecorded"));
  await expect(item.replicate("run")).rejects.toMatchObject({ code: "RESYNC_REQUIRED" });
  const mended = await item.replicate("resynchronize");
  expect(await equal(item)).toBe(true);
  expect(mended.bytesSent).toBeLessThanOrEqual(2 * block);
  await item.east.source.shutDown({ machine: vm, graceSeconds: 1, force: false }, operation());
  await item.replicate("final");
  expect(await equal(item)).toBe(true);
});

test.each(["seed", "run", "resynchronize"] as const)(
  "A %s that is broken off in the middle goes on over a new connection to the same image",
  async (mode) => {
    for (const nth of [1, 9]) {
      using dir = memoryDir();
      await using item = await protectedItem({ dir: dir.path, blocks: [blocks, 8], link: stream });
      fill(item, 0);
      if (mode !== "seed") await item.replicate("seed");
      if (mode !== "seed") fill(item, 1);
      const rule: FaultRule = { on: "replica.write", nth, fault: "STORE_FULL" };
      const first = await item.replicate(mode, { target: [rule] }).catch((error: unknown) => error);
      write(item.east.store, vda, 2 * block, pattern("meanwhile"));
      write(item.east.store, vda, 60 * block, pattern("meanwhile"));
      await item.replicate(mode);
      expect(await equal(item)).toBe(true);
      if (first instanceof Error) expect(first).toMatchObject({ code: "STORE_FULL" });
    }
  },
);

test("A cut that the guest overruns is told as such over the stream, and taken again", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, blocks: [blocks, 8], link: stream });
  fill(item, 0);
  const overrun: FaultRule = {
    on: "replica.write",
    nth: 2,
    run: () => {
      for (let at = 40; at < 60; at++) write(item.east.store, vda, at * block, pattern(`overrun ${at}`));
    },
  };
  // Slow enough to be overrun before everything is read.
  const slow: FaultRule = { on: "source.read", delayMs: 2 };
  const rules = { target: [overrun], source: [slow], policy: { scratchPercent: 20 } };
  expect((await item.replicate("seed", rules)).lastSealed).toBeDefined();
  expect(await equal(item)).toBe(true);
  const broken: FaultRule = { on: "source.read", nth: 90, fault: "CUT_BROKEN" };
  expect((await item.replicate("resynchronize", { source: [broken] })).lastSealed).toBeDefined();
  expect(await equal(item)).toBe(true);
});

test("Each pass after the first says its number and why it was begun, until the point is sealed", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, blocks: [blocks, 8], link: stream });
  fill(item, 0);
  const passes = () => [
    ...new Set(
      item.reports.splice(0).flatMap(({ pass }) => (pass === undefined ? [] : [`${pass.number} ${pass.why}`])),
    ),
  ];
  const full: FaultRule = { on: "replica.write", nth: 5, fault: "STORE_FULL" };
  await expect(item.replicate("seed", { target: [full] })).rejects.toMatchObject({ code: "STORE_FULL" });
  expect(passes()).toEqual([]);
  write(item.east.store, vda, 2 * block, pattern("meanwhile"));
  expect((await item.replicate("seed")).pass).toBeUndefined();
  expect(passes()).toEqual(["2 what has changed since an earlier cut is sent now"]);
  const broken: FaultRule = { on: "source.read", nth: 60, fault: "CUT_BROKEN" };
  await item.replicate("resynchronize", { source: [broken] });
  expect(passes()).toEqual(["2 the cut broke and is taken anew"]);
  expect(await equal(item)).toBe(true);
});

test("An older owner is refused over the stream", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, link: stream });
  await item.replicate("seed", { epoch: 2 });
  await expect(item.replicate("run", { epoch: 1 })).rejects.toMatchObject({ code: "STALE_EPOCH" });
});

test("A cancelled seed ends within a second, also over the stream, and leaves no cut standing", async () => {
  using dir = memoryDir();
  await using item = await protectedItem({ dir: dir.path, blocks: [blocks, 8], link: stream });
  fill(item, 0);
  const stop = new AbortController();
  let stoppedAt = 0;
  const rule: FaultRule = {
    on: "replica.write",
    nth: 3,
    run: () => {
      stoppedAt = performance.now();
      stop.abort();
    },
  };
  await expect(item.replicate("seed", { signal: stop.signal, target: [rule] })).rejects.toMatchObject({
    code: "CANCELLED",
  });
  expect(performance.now() - stoppedAt).toBeLessThan(1000);
  expect(await item.east.source.standingCut(tracked(), operation())).toBeUndefined();
  await item.replicate("seed");
  expect(await equal(item)).toBe(true);
});
