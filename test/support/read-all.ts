import type { BlockSource, Extent } from "#transfer/block.ts";

const never = new AbortController().signal;

/** Everything a source would carry, and the bytes of it at their places (the rest zero). */
export async function readAll(
  source: BlockSource,
): Promise<{ readonly extents: readonly Extent[]; readonly bytes: Uint8Array }> {
  const bytes = new Uint8Array(source.sizeBytes);
  const extents: Extent[] = [];
  for await (const extent of source.extents({ signal: never })) {
    extents.push(extent);
    if (extent.kind === "data")
      await source.read(extent.offset, bytes.subarray(extent.offset, extent.offset + extent.length), never);
  }
  return { extents, bytes };
}
