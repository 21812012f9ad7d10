import { blockBytes } from "#transfer/block.ts";

/** Which blocks of a disk a resynchronization has looked at: one bit each. */
export interface CoveredBlocks {
  add(offset: number, length: number): void;
  /** Every block below it is covered. */
  prefixBytes(): number;
  readonly complete: boolean;
}

export const coverBlocks = (sizeBytes: number, prefixBytes: number): CoveredBlocks => {
  const blocks = Math.ceil(sizeBytes / blockBytes);
  const bits = new Uint8Array(Math.ceil(blocks / 8));
  let prefix = Math.floor(prefixBytes / blockBytes);
  if (prefixBytes >= sizeBytes) prefix = blocks;
  const has = (block: number): boolean => ((bits[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
  const advance = (): void => {
    while (prefix < blocks && has(prefix)) prefix += 1;
  };
  return {
    add(offset, length) {
      const end = offset + length >= sizeBytes ? blocks : Math.floor((offset + length) / blockBytes);
      for (let block = Math.ceil(offset / blockBytes); block < end; block += 1)
        bits[block >> 3] = (bits[block >> 3] ?? 0) | (1 << (block & 7));
      advance();
    },
    prefixBytes: () => Math.min(sizeBytes, prefix * blockBytes),
    get complete() {
      return prefix >= blocks;
    },
  };
};
