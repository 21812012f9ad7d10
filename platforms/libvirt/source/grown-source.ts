import type { BlockSource, Extent } from "#transfer/block.ts";

/**
 * The changes of a disk that was grown since its record began: what the bitmap marks below the old size, and all of what was added, which no bitmap marks.
 * Takes both sources over.
 */
export const withGrownRange = (request: {
  /** Yields what changed. */
  readonly changes: BlockSource;
  /** Yields everything. */
  readonly whole: BlockSource;
  readonly oldSizeBytes: number;
}): BlockSource => {
  const { changes, whole, oldSizeBytes } = request;
  return {
    sizeBytes: whole.sizeBytes,
    async *extents({ from = 0, signal }) {
      if (from < oldSizeBytes)
        for await (const extent of changes.extents({ from, signal })) {
          const kept = clipped(extent, 0, oldSizeBytes);
          if (kept !== undefined) yield kept;
          if (extent.offset + extent.length >= oldSizeBytes) break;
        }
      for await (const extent of whole.extents({ from: Math.max(from, oldSizeBytes), signal })) {
        const kept = clipped(extent, Math.max(from, oldSizeBytes), whole.sizeBytes);
        if (kept !== undefined) yield kept;
      }
    },
    read: (offset, into, signal) => whole.read(offset, into, signal),
    async [Symbol.asyncDispose]() {
      await Promise.all([changes[Symbol.asyncDispose](), whole[Symbol.asyncDispose]()]);
    },
  };
};

const clipped = (extent: Extent, start: number, end: number): Extent | undefined => {
  const offset = Math.max(extent.offset, start);
  const length = Math.min(extent.offset + extent.length, end) - offset;
  return length > 0 ? { offset, length, kind: extent.kind } : undefined;
};
