import { expect, test } from "vitest";
import { collect } from "#test/support/collect.ts";
import fc from "fast-check";
import { memorySource } from "#test/support/memory-blocks.ts";
import { blockBytes, type Extent } from "#transfer/block.ts";
import { alignedRuns } from "#transfer/stream/plan.ts";

const runsOf = (extents: readonly Extent[], sizeBytes: number, maximumBytes = 1 << 30): Promise<readonly Extent[]> =>
  collect(
    alignedRuns(memorySource(Buffer.alloc(sizeBytes), extents), {
      from: 0,
      maximumBytes,
      signal: AbortSignal.timeout(5_000),
    }),
  );

test("a block that any data lies in is carried whole", async () => {
  const runs = await runsOf([{ offset: 70_000, length: 1, kind: "data" }], 300_000);
  expect(runs).toEqual([{ offset: blockBytes, length: blockBytes, kind: "data" }]);
});

test("a block is zero only when zero covers all of it", async () => {
  const extents: readonly Extent[] = [
    { offset: 0, length: blockBytes, kind: "zero" },
    { offset: blockBytes, length: 100, kind: "zero" },
  ];
  expect(await runsOf(extents, 300_000)).toEqual([
    { offset: 0, length: blockBytes, kind: "zero" },
    { offset: blockBytes, length: blockBytes, kind: "data" },
  ]);
});

test("the disk's short last block ends with the disk", async () => {
  expect(await runsOf([{ offset: 0, length: 70_000, kind: "zero" }], 70_000)).toEqual([
    { offset: 0, length: 70_000, kind: "zero" },
  ]);
});

test("long runs are cut, so that progress comes in time", async () => {
  const runs = await runsOf([{ offset: 0, length: 10 * blockBytes, kind: "data" }], 10 * blockBytes, 4 * blockBytes);
  expect(runs.map((run) => run.length / blockBytes)).toEqual([4, 4, 2]);
});

test("whatever the extents are, the runs are aligned, in order, cover them all and call no data zero", async () => {
  const parts = fc.array(
    fc.record({ gap: fc.nat(150_000), length: fc.integer({ min: 1, max: 200_000 }), zero: fc.boolean() }),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(parts, fc.nat(5_000), async (list, tail) => {
      const extents: Extent[] = [];
      let end = 0;
      for (const { gap, length, zero } of list) {
        extents.push({ offset: end + gap, length, kind: zero ? "zero" : "data" });
        end += gap + length;
      }
      const sizeBytes = end + tail + 1;
      let position = 0;
      const runs = await runsOf(extents, sizeBytes);
      for (const run of runs) {
        expect(run.offset % blockBytes).toBe(0);
        expect(run.offset).toBeGreaterThanOrEqual(position);
        position = run.offset + run.length;
        expect(position % blockBytes === 0 || position === sizeBytes).toBe(true);
      }
      for (const extent of extents) {
        for (const offset of [extent.offset, extent.offset + extent.length - 1]) {
          const run = runs.find(
            (candidate) => candidate.offset <= offset && offset < candidate.offset + candidate.length,
          );
          expect(run).toBeDefined();
          if (extent.kind === "data") expect(run?.kind).toBe("data");
        }
      }
    }),
    { numRuns: 60 },
  );
});
