import type { BlockSource } from "#transfer/block.ts";

/** The part of a source before `end`. */
export const below = (source: BlockSource, end: number): BlockSource => ({
  sizeBytes: source.sizeBytes,
  read: (offset, into, signal) => source.read(offset, into, signal),
  async *extents(options) {
    for await (const extent of source.extents(options)) {
      if (extent.offset >= end) return;
      yield { ...extent, length: Math.min(extent.length, end - extent.offset) };
    }
  },
  [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
});
