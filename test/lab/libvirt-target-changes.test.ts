import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CutDescription } from "#domain/cut.ts";
import { cutId, diskId } from "#domain/ids.ts";
import { compactDigests } from "#platforms/libvirt/target/compact-digests.ts";
import { openStore } from "#platforms/libvirt/target/host-store.ts";
import { blockBytes } from "#transfer/block.ts";
import { operation } from "#test/support/operation.ts";
import {
  compareImage,
  createModel,
  imageOf,
  mebibyte,
  offlineVerification,
  replica,
  replicateDelta,
  sendDifferences,
  spec,
  startTargetHost,
  targetOn,
  type TargetHost,
} from "./libvirt-target-fixture.ts";
import { labId } from "./lab-id.ts";

const never = new AbortController().signal;
const vda = diskId("vda");
let target: TargetHost;
beforeAll(async () => {
  target = await startTargetHost(labId("tgm"), { storeBytes: 96 * mebibyte });
});
beforeEach(async () => {
  await targetOn(target.connection, target.host).deleteReplica(replica, operation());
});
afterAll(async () => {
  await target?.[Symbol.asyncDispose]();
});

const identical = async (cut: CutDescription, disk: string, content: Buffer): Promise<string> =>
  await compareImage(target.host, await imageOf(target.connection, target.host, cut, disk), content);

describe("a replica on a libvirt host", () => {
  it("says so when the store is full, keeps its points, and goes on when there is room again", async () => {
    const sizes = { vda: 256 * mebibyte };
    const model = createModel(sizes, 6);
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    await using receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    model.write(60);
    const first = await replicateDelta(receiving, model, { keep: true });
    const content = Buffer.from(model.content("vda"));
    const cut = model.cut();
    await receiving.begin({ cut, mode: "delta", base: first.id }, never);
    {
      await using sink = await receiving.sink(vda, never);
      const block = Buffer.alloc(mebibyte, 7);
      const fill = async (): Promise<void> => {
        for (let offset = 0; offset < sizes.vda; offset += block.length) await sink.write(offset, block, never);
      };
      await expect(fill()).rejects.toMatchObject({ code: "STORE_FULL" });
    }
    expect((await recovery.points(replica, operation())).map(({ id }) => id)).toEqual([first.id]);
    await receiving.discardIncoming(never);
    model.write(20);
    const second = await replicateDelta(receiving, model, { keep: true, base: first });
    expect(await identical(first, "vda", content)).toBe("identical");
    expect(await identical(second, "vda", model.content("vda"))).toBe("identical");
  });

  it("finds a byte that the storage changed, names the place, and says the same without a worker", async () => {
    const sizes = { vda: 8 * mebibyte };
    const model = createModel(sizes, 7);
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    await using receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    model.write(200);
    const first = await replicateDelta(receiving, model, { keep: true });
    model.write(10);
    const second = await replicateDelta(receiving, model, { keep: true, base: first });
    const whole = { blocks: sizes.vda / blockBytes, mismatched: 0, unverified: 0, damaged: [] };
    expect(await recovery.verify({ replica, point: first.id }, operation())).toEqual(whole);
    expect(await recovery.verify({ replica, point: second.id }, operation())).toEqual(whole);
    expect(await offlineVerification(target.host, second.id)).toEqual(whole);

    const image = await imageOf(target.connection, target.host, second, "vda");
    const { stdout } = await target.host.run('qemu-img map -U --output=json "$1"', [image]);
    const runs = JSON.parse(stdout) as readonly {
      readonly start: number;
      readonly depth: number;
      readonly data: boolean;
      readonly offset: number;
    }[];
    const run = runs.find(({ depth, data }) => depth === 0 && data);
    if (run === undefined) throw new Error("the layer holds no data");
    await target.host.run('printf X | dd of="$1" bs=1 seek="$2" conv=notrunc status=none', [
      image,
      String(run.offset + 1000),
    ]);
    const found = { ...whole, mismatched: 1, damaged: [{ disk: "vda", offset: run.start, length: blockBytes }] };
    expect(await recovery.verify({ replica, point: second.id }, operation())).toEqual(found);
    expect(await offlineVerification(target.host, second.id)).toEqual(found);
    expect(await recovery.verify({ replica, point: first.id }, operation())).toEqual(whole);
  });

  it("is resynchronized by comparing with what it holds, and speaks for the whole disk afterwards", async () => {
    const sizes = { vda: 8 * mebibyte };
    const model = createModel(sizes, 8);
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    await using receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    model.write(100);
    const first = await replicateDelta(receiving, model, { keep: true });
    model.write(15);
    const cut = model.cut();
    await receiving.begin({ cut, mode: "resynchronize" }, never);
    const held = Buffer.alloc(sizes.vda);
    {
      await using current = await receiving.current(vda, never);
      for (let offset = 0; offset < held.length; offset += mebibyte)
        await current.read(offset, held.subarray(offset, offset + mebibyte), never);
    }
    const sent = await sendDifferences(receiving, model, cut, [new Map([["vda", held]])]);
    expect(sent).toBeLessThanOrEqual(15 * blockBytes);
    {
      await using current = await receiving.current(vda, never);
      await current.read(0, held, never);
    }
    expect(held.equals(model.content("vda"))).toBe(true);
    await receiving.seal({ cut, keep: false, retentionSeconds: 86_400 }, never);
    const next = await replicateDelta(receiving, model, { keep: false, base: cut });
    expect(await identical(next, "vda", model.content("vda"))).toBe("identical");
    expect(await recovery.verify({ replica, point: next.id }, operation())).toMatchObject({
      blocks: 128,
      mismatched: 0,
      unverified: 0,
    });
    expect((await recovery.points(replica, operation())).map(({ id }) => id)).toEqual([first.id, next.id]);
  });

  it("keeps its digests true when they are written anew, once for each block", async () => {
    const sizes = { vda: 4 * mebibyte };
    const model = createModel(sizes, 12);
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    const receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    let base: CutDescription | undefined;
    for (let round = 0; round < 6; round += 1) {
      model.write(40);
      base = await replicateDelta(receiving, model, { keep: false, ...(base !== undefined && { base }) });
    }
    await receiving[Symbol.asyncDispose]();
    const store = openStore({ host: target.connection, store: target.host.store, replica });
    const state = await store.read(never);
    const bytes = async (): Promise<number> =>
      Number((await target.host.run('cat "$1"/replicas/*/disks/vda/*.digests | wc -c', [target.host.store])).stdout);
    const before = await bytes();
    await compactDigests(
      store,
      { state, layers: new Set(state.layers.map(({ layer }) => layer)), slackBytes: -1e9 },
      never,
    );
    expect(await bytes()).toBeLessThan(before / 2);
    expect(await recovery.verify({ replica, point: base?.id ?? cutId("none") }, operation())).toMatchObject({
      blocks: 64,
      mismatched: 0,
    });
  });

  it("takes in a disk that grew and one that was added, and merges across both", async () => {
    const recovery = targetOn(target.connection, target.host);
    const model = createModel({ vda: 4 * mebibyte }, 9);
    await recovery.createReplica(spec({ sizes: { vda: 4 * mebibyte } }), operation());
    await using receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    model.write(40);
    const small = await replicateDelta(receiving, model, { keep: true });
    const before = Buffer.from(model.content("vda"));
    model.grow("vda", 8 * mebibyte);
    model.grow("vdb", 2 * mebibyte);
    model.write(20);
    const grown = await replicateDelta(receiving, model, { keep: false, base: small });
    model.write(10);
    const last = await replicateDelta(receiving, model, { keep: false, base: grown });
    model.write(10);
    const newest = await replicateDelta(receiving, model, { keep: true, base: last });
    await receiving[Symbol.asyncDispose]();
    expect(await identical(small, "vda", before)).toBe("identical");
    expect(await identical(newest, "vda", model.content("vda"))).toBe("identical");
    expect(await identical(newest, "vdb", model.content("vdb"))).toBe("identical");
    const layers = await target.host.run('ls "$1"/replicas/*/disks/vda/*.qcow2 | wc -l', [target.host.store]);
    expect(layers.stdout.trim()).toBe("2");
  });

  it("belongs to who opened it last: the earlier one writes and seals nothing more", async () => {
    const sizes = { vda: 4 * mebibyte };
    const model = createModel(sizes, 10);
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    const first = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    model.write(10);
    const cut = model.cut();
    await first.begin({ cut, mode: "full" }, never);
    const sink = await first.sink(vda, never);
    const other = targetOn(target.connection, target.host);
    const second = await other.open({ replica, epoch: 1, peerSite: "paris" }, never);
    await expect(sink.write(0, Buffer.alloc(blockBytes, 1), never)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    await expect(first.seal({ cut, keep: true, retentionSeconds: 1 }, never)).rejects.toMatchObject({
      code: "REPLICA_BUSY",
    });
    await expect(first.state(never)).rejects.toMatchObject({ code: "REPLICA_BUSY" });
    await second.begin({ cut, mode: "full" }, never);
    await first[Symbol.asyncDispose]();
    await sendDifferences(second, model, cut, []);
    await second.seal({ cut, keep: true, retentionSeconds: 86_400 }, never);
    expect(await identical(cut, "vda", model.content("vda"))).toBe("identical");
    const third = await other.open({ replica, epoch: 2, peerSite: "paris" }, never);
    await expect(second.state(never)).rejects.toMatchObject({ code: "STALE_EPOCH" });
    await expect(other.open({ replica, epoch: 1, peerSite: "paris" }, never)).rejects.toMatchObject({
      code: "STALE_EPOCH",
    });
    await expect(other.open({ replica, epoch: 2, peerSite: "rome" }, never)).rejects.toMatchObject({
      code: "PEER_NOT_ALLOWED",
    });
    await second[Symbol.asyncDispose]();
    await third[Symbol.asyncDispose]();
  });

  it("seals a small delta as quickly with a long chain as with a short one", async () => {
    const sizes = { vda: 16 * mebibyte };
    const model = createModel(sizes, 11);
    const recovery = targetOn(target.connection, target.host);
    await recovery.createReplica(spec({ sizes }), operation());
    await using receiving = await recovery.open({ replica, epoch: 1, peerSite: "paris" }, never);
    const took: number[] = [];
    let base: CutDescription | undefined;
    for (let round = 0; round < 60; round += 1) {
      model.write(4);
      const started = performance.now();
      base = await replicateDelta(receiving, model, { keep: true, ...(base !== undefined && { base }) });
      took.push(performance.now() - started);
    }
    const median = (values: readonly number[]): number =>
      values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
    const [early, late] = [median(took.slice(2, 12)), median(took.slice(-10))];
    if (process.env["TIMES"] !== undefined)
      process.stderr.write(`early ${early.toFixed(0)} ms, late ${late.toFixed(0)} ms\n`);
    const points = await recovery.points(replica, operation());
    expect(points.length).toBeLessThanOrEqual(48);
    expect(late).toBeLessThan(3 * early + 50);
    await receiving[Symbol.asyncDispose]();
    expect(base === undefined ? "" : await identical(base, "vda", model.content("vda"))).toBe("identical");
  });
});
