import { expect, test } from "vitest";
import { MemoryReplicaStore } from "#test/support/memory-replica.ts";
import { memorySource } from "#test/support/memory-blocks.ts";
import { changeImage, randomImage, seeded } from "#test/support/random-image.ts";
import { streamTo } from "#test/support/stream-sites.ts";
import { copyRequest, testCut } from "#test/support/stream-sites.ts";
import type { Extent } from "#transfer/block.ts";

const signal = (): AbortSignal => AbortSignal.timeout(9_000);

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`a copy makes the replica equal to the source, whatever lies where (${seed})`, async () => {
    const random = seeded(seed);
    const content = randomImage(Math.floor(random() * 8_000_000) + 1, random);
    const store = new MemoryReplicaStore({ vda: content.length });
    const sink = store.sinkOf("vda");
    await using stream = await streamTo(store);
    await stream.session.begin({ cut: testCut({ vda: content.length }), mode: "full" }, signal());
    for (const compression of ["adaptive", "off"] as const) {
      sink.content.fill(7);
      const result = await stream.session.copy(copyRequest(memorySource(content), { compression }));
      expect(sink.content.equals(content)).toBe(true);
      expect(result.dataBytes + result.zeroBytes).toBe(content.length);
    }
    expect(store.incoming?.resumeOffsets).toEqual({ vda: content.length });
    expect(sink.flushes).toBeGreaterThan(0);
  });

  test(`a resynchronization sends the blocks that differ and no others (${seed})`, async () => {
    const random = seeded(seed * 77);
    const old = randomImage(Math.floor(random() * 8_000_000) + 1, random);
    const now = changeImage(old, random);
    const store = new MemoryReplicaStore({ vda: old.length });
    const sink = store.sinkOf("vda");
    old.copy(sink.content);
    await using stream = await streamTo(store);
    await stream.session.begin({ cut: testCut({ vda: old.length }), mode: "resynchronize" }, signal());
    const result = await stream.session.resynchronize(copyRequest(memorySource(now)));
    expect(sink.content.equals(now)).toBe(true);
    expect(result.comparedBytes).toBe(now.length);
    expect(result.dataBytes + result.zeroBytes).toBeLessThanOrEqual(differingBlocks(old, now) * 65_536);
    const again = await stream.session.resynchronize(copyRequest(memorySource(now)));
    expect(again.dataBytes + again.zeroBytes).toBe(0);
  });
}

test("a change source writes only the blocks its extents touch", async () => {
  const content = Buffer.alloc(4_000_000, 1);
  content.fill(0, 2_000_000, 2_200_000);
  const extents: readonly Extent[] = [
    { offset: 70_000, length: 10, kind: "data" },
    { offset: 2_000_000, length: 200_000, kind: "zero" },
    { offset: 3_999_000, length: 1_000, kind: "data" },
  ];
  const store = new MemoryReplicaStore({ vda: content.length });
  const sink = store.sinkOf("vda");
  sink.content.fill(9);
  await using stream = await streamTo(store);
  await stream.session.begin({ cut: testCut({ vda: content.length }), mode: "delta" }, signal());
  await stream.session.copy(copyRequest(memorySource(content, extents)));
  for (let block = 0; block * 65_536 < content.length; block += 1) {
    const [start, end] = [block * 65_536, Math.min(content.length, (block + 1) * 65_536)];
    const touched = extents.some(({ offset, length }) => offset < end && offset + length > start);
    const expected = touched ? content.subarray(start, end) : Buffer.alloc(end - start, 9);
    expect(sink.content.subarray(start, end).equals(expected)).toBe(true);
  }
});

test("two disks are copied side by side", async () => {
  const contents = { vda: randomImage(3_000_000, seeded(31)), vdb: randomImage(2_000_001, seeded(32)) };
  const sizes = { vda: contents.vda.length, vdb: contents.vdb.length };
  const store = new MemoryReplicaStore(sizes);
  await using stream = await streamTo(store);
  await stream.session.begin({ cut: testCut(sizes), mode: "full" }, signal());
  await Promise.all(
    Object.entries(contents).map(([disk, content]) =>
      stream.session.copy(copyRequest(memorySource(content), { disk: disk as ReturnType<typeof copyRequest>["disk"] })),
    ),
  );
  for (const [disk, content] of Object.entries(contents)) expect(store.sinkOf(disk).content.equals(content)).toBe(true);
});

function differingBlocks(one: Buffer, other: Buffer): number {
  let count = 0;
  for (let offset = 0; offset < one.length; offset += 65_536) {
    if (!one.subarray(offset, offset + 65_536).equals(other.subarray(offset, offset + 65_536))) count += 1;
  }
  return count;
}
