import { blockBytes, type BlockSource, type Extent } from "../block.ts";
import { digestBytes, type KeyedDigest } from "../digest/keyed.ts";
import type { PeerDigests } from "./digest-stream.ts";
import { readAhead } from "./read-ahead.ts";
import { isZero } from "./zero.ts";

/** The source's runs whose digests differ from the other side's; blocks that are zero at both sides cost neither reading nor digesting. */
export async function* differences(options: {
  readonly source: BlockSource;
  readonly peer: PeerDigests;
  readonly digest: KeyedDigest;
  readonly from: number;
  readonly onCompared: (offset: number, bytes: number) => void;
  readonly signal: AbortSignal;
}): AsyncGenerator<Extent> {
  const { source, peer, digest, from, onCompared, signal } = options;
  for await (const piece of readAhead(source, { from, signal })) {
    const end = piece.offset + piece.length;
    for (let offset = piece.offset; offset < end;) {
      const theirs = await peer.at(offset);
      const theirsZero = isZeroDigest(theirs.digest, theirs.digestAt);
      if (piece.kind === "zero") {
        const length = Math.min(theirs.end, end) - offset;
        if (!theirsZero) yield { offset, length, kind: "zero" };
        offset += length;
        continue;
      }
      const length = Math.min(blockBytes, end - offset);
      const block = piece.data.subarray(offset - piece.offset, offset - piece.offset + length);
      const same = theirsZero ? isZero(block) : digest.matches(block, theirs.digest, theirs.digestAt);
      if (!same) yield { offset, length, kind: isZero(block) ? "zero" : "data" };
      offset += length;
    }
    onCompared(end, piece.length);
  }
}

/** 128 zero bits are never a real block's digest in practice; a zero block is marked by them. */
const isZeroDigest = (digests: Buffer, at: number): boolean => {
  for (let byte = 0; byte < digestBytes; byte += 1) if (digests[at + byte] !== 0) return false;
  return true;
};
