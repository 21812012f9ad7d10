import type { Extent } from "#transfer/block.ts";
import { blockBytes } from "#transfer/block.ts";

export const blockCount = (bytes: number): number => Math.ceil(bytes / blockBytes);

/** Every block that [offset, offset + length) touches. */
export function* blocksOf(offset: number, length: number): Generator<number> {
  const end = Math.ceil((offset + length) / blockBytes);
  for (let block = Math.floor(offset / blockBytes); block < end; block++) yield block;
}

/** Where a block lies; the last one of a disk may be short. */
export function blockRange(block: number, sizeBytes: number): { readonly offset: number; readonly length: number } {
  const offset = block * blockBytes;
  return { offset, length: Math.min(blockBytes, sizeBytes - offset) };
}

const zeroes = new Uint8Array(blockBytes);
export const isZero = (data: Uint8Array): boolean =>
  Buffer.from(data.buffer, data.byteOffset, data.length).equals(zeroes.subarray(0, data.length));

/** Joins neighbouring blocks of one kind to extents; blocks of no kind are left out. */
export function* extentsOf(options: {
  readonly sizeBytes: number;
  readonly from: number;
  readonly kindOf: (block: number) => Extent["kind"] | undefined;
}): Generator<Extent> {
  let open: Extent | undefined;
  for (let block = Math.floor(options.from / blockBytes); block < blockCount(options.sizeBytes); block++) {
    const kind = options.kindOf(block);
    const range = blockRange(block, options.sizeBytes);
    if (open !== undefined && (kind !== open.kind || open.length >= maximumExtent)) {
      yield open;
      open = undefined;
    }
    if (kind === undefined) continue;
    open =
      open === undefined
        ? {
            offset: Math.max(range.offset, options.from),
            length: range.length - Math.max(0, options.from - range.offset),
            kind,
          }
        : { ...open, length: open.length + range.length };
  }
  if (open !== undefined) yield open;
}
const maximumExtent = 8 * 1024 * 1024;
