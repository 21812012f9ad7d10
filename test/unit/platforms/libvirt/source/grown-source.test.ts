import { expect, it } from "vitest";
import { withGrownRange } from "#platforms/libvirt/source/grown-source.ts";
import type { BlockSource, Extent } from "#transfer/block.ts";

const mib = 1024 * 1024;
const never = new AbortController().signal;

/** Yields the extents that end after `from`, as a source may: not clipped. */
const sourceOf = (extents: readonly Extent[], disposed: string[], name: string): BlockSource => ({
  sizeBytes: 10 * mib,
  async *extents({ from = 0 }) {
    for (const extent of extents) if (extent.offset + extent.length > from) yield extent;
  },
  read: (_offset, into) => {
    into.fill(name.length);
    return Promise.resolve();
  },
  [Symbol.asyncDispose]: () => {
    disposed.push(name);
    return Promise.resolve();
  },
});
const extent = (offset: number, length: number, kind: Extent["kind"]): Extent => ({ offset, length, kind });

const listed = async (extents: AsyncIterable<Extent>): Promise<readonly Extent[]> => {
  const list: Extent[] = [];
  for await (const each of extents) list.push(each);
  return list;
};

const grown = (disposed: string[] = []) =>
  withGrownRange({
    changes: sourceOf([extent(mib, mib, "data"), extent(3 * mib, 4 * mib, "zero")], disposed, "changes"),
    whole: sourceOf([extent(0, 5 * mib, "data"), extent(5 * mib, 5 * mib, "zero")], disposed, "whole"),
    oldSizeBytes: 4 * mib,
  });

it("yields what changed below the old size and everything above it, ascending and without overlap", async () => {
  expect(await listed(grown().extents({ signal: never }))).toEqual([
    extent(mib, mib, "data"),
    extent(3 * mib, mib, "zero"),
    extent(4 * mib, mib, "data"),
    extent(5 * mib, 5 * mib, "zero"),
  ]);
});

it("begins where it is asked to, below and above the old size", async () => {
  expect(await listed(grown().extents({ from: 3 * mib, signal: never }))).toEqual([
    extent(3 * mib, mib, "zero"),
    extent(4 * mib, mib, "data"),
    extent(5 * mib, 5 * mib, "zero"),
  ]);
  expect(await listed(grown().extents({ from: 6 * mib, signal: never }))).toEqual([extent(6 * mib, 4 * mib, "zero")]);
});

it("has the new size and lets go of both sources", async () => {
  const disposed: string[] = [];
  const source = grown(disposed);
  expect(source.sizeBytes).toBe(10 * mib);
  await source[Symbol.asyncDispose]();
  expect(disposed.toSorted()).toEqual(["changes", "whole"]);
});
