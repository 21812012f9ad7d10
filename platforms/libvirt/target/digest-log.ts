import { Blake3Hasher } from "@napi-rs/blake-hash";
import { Fault } from "#domain/fault.ts";
import { blockBytes } from "#transfer/block.ts";

/*
 * A layer's digests, `L<n>.digests`: a 16-byte header, then records in the order of writing; where two speak of one block, the later one counts (`docs/formats.md`).
 * A log, because appending is all a host without anything of ours can do: a checkpoint appends what came in, a merge appends the upper layer's to the lower one's.
 */

export const digestBytes = 16;
export const headerBytes = 16;
const recordBytes = 16;
const magic = Buffer.from("USDGST\u0000\u0001");
const kindData = 0;
const kindZero = 1;

/** What every digest file starts with: magic and version, log2 of the block size, algorithm 1 (BLAKE3, first 128 bits). */
export const digestHeader = (): Buffer => {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt8(Math.log2(blockBytes), 8);
  header.writeUInt8(1, 9);
  return header;
};

const hasher = new Blake3Hasher();

/** BLAKE3, first 128 bits. */
export const digestOf = (block: Uint8Array): Buffer => {
  hasher.reset();
  hasher.update(Buffer.from(block.buffer, block.byteOffset, block.byteLength));
  return hasher.digestBuffer().subarray(0, digestBytes);
};

/** Gathers the digests of what passes through, until they are taken to be stored. */
export interface DigestRecorder {
  /** Whole blocks (but for the disk's end), from a block's start. */
  data(offset: number, bytes: Uint8Array): void;
  zero(offset: number, length: number): void;
  /** What has come since the last `take`, as records. */
  take(): Buffer;
}

export const recordDigests = (): DigestRecorder => {
  let parts: Buffer[] = [];
  return {
    data(offset, bytes) {
      const count = Math.ceil(bytes.length / blockBytes);
      const digests = Buffer.alloc(count * digestBytes);
      for (let index = 0; index < count; index += 1)
        digestOf(bytes.subarray(index * blockBytes, (index + 1) * blockBytes)).copy(digests, index * digestBytes);
      parts.push(head({ block: offset / blockBytes, count, kind: kindData }), digests);
    },
    zero(offset, length) {
      parts.push(head({ block: offset / blockBytes, count: Math.ceil(length / blockBytes), kind: kindZero }));
    },
    take() {
      const taken = Buffer.concat(parts);
      parts = [];
      return taken;
    },
  };
};

const head = (record: { readonly block: number; readonly count: number; readonly kind: number }): Buffer => {
  const bytes = Buffer.alloc(recordBytes);
  bytes.writeUIntLE(record.block, 0, 6);
  bytes.writeUInt32LE(record.count, 8);
  bytes.writeUInt8(record.kind, 12);
  return bytes;
};

/** What is known of one block: its digest, that it is zero, or nothing. */
export type KnownBlock = Buffer | "zero" | undefined;

/** The digests of a disk, as far as the logs laid over each other tell. In memory: 17 bytes a block, in pages, only where there are any. */
export interface DigestTable {
  apply(log: Uint8Array, where: string): void;
  known(block: number): KnownBlock;
  /** A file that says what the table knows of the first `blocks` blocks, each once. */
  serialize(blocks: number): Buffer;
}

const pageBlocks = 4096;

export const createDigestTable = (): DigestTable => {
  const pages = new Map<number, { readonly kinds: Uint8Array; readonly digests: Buffer }>();
  const pageOf = (block: number) => {
    const index = Math.floor(block / pageBlocks);
    const page = pages.get(index) ?? {
      kinds: new Uint8Array(pageBlocks),
      digests: Buffer.alloc(pageBlocks * digestBytes),
    };
    pages.set(index, page);
    return page;
  };
  const known = (block: number): KnownBlock => {
    const page = pages.get(Math.floor(block / pageBlocks));
    const at = block % pageBlocks;
    const kind = page?.kinds[at] ?? 0;
    if (page === undefined || kind === 0) return undefined;
    return kind === kindZero + 1 ? "zero" : page.digests.subarray(at * digestBytes, (at + 1) * digestBytes);
  };
  return {
    known,
    serialize(blocks) {
      const parts = [digestHeader()];
      for (let block = 0; block < blocks;) {
        const run = takeRun(known, block, blocks);
        const kind = run.digests.length > 0 ? kindData : kindZero;
        if (run.known) parts.push(head({ block, count: run.count, kind }), ...run.digests);
        block += run.count;
      }
      return Buffer.concat(parts);
    },
    apply(log, where) {
      for (const { block, count, kind, digests } of readRecords(log, where)) {
        for (let index = 0; index < count; index += 1) {
          const page = pageOf(block + index);
          const at = (block + index) % pageBlocks;
          page.kinds[at] = kind + 1;
          if (kind === kindData)
            digests.copy(page.digests, at * digestBytes, index * digestBytes, (index + 1) * digestBytes);
        }
      }
    },
  };
};

/** How far the blocks from `first` on are of one kind. */
const takeRun = (
  known: (block: number) => KnownBlock,
  first: number,
  blocks: number,
): { readonly count: number; readonly known: boolean; readonly digests: readonly Buffer[] } => {
  const kindOf = (value: KnownBlock): string => (value === undefined ? "unknown" : value === "zero" ? "zero" : "data");
  const kind = kindOf(known(first));
  const digests: Buffer[] = [];
  let end = first;
  for (let value = known(end); end < blocks && kindOf(value) === kind; value = known(end)) {
    if (value !== undefined && value !== "zero") digests.push(value);
    end += 1;
  }
  return { count: end - first, known: kind !== "unknown", digests };
};

function* readRecords(log: Uint8Array, where: string) {
  const bytes = Buffer.from(log.buffer, log.byteOffset, log.byteLength);
  if (bytes.length === 0) return;
  if (!bytes.subarray(0, headerBytes).equals(digestHeader()))
    throw new Fault(
      "REPLICA_INVALID",
      `${where} is not a digest file of format 1: it was damaged, or written by a newer version of understudy.`,
    );
  for (let at = headerBytes; at < bytes.length;) {
    const record = at + recordBytes <= bytes.length ? bytes.subarray(at, at + recordBytes) : undefined;
    const kind = record?.readUInt8(12) ?? -1;
    const count = record?.readUInt32LE(8) ?? 0;
    const length = kind === kindData ? count * digestBytes : 0;
    if (record === undefined || (kind !== kindData && kind !== kindZero) || at + recordBytes + length > bytes.length)
      throw new Fault(
        "REPLICA_INVALID",
        `${where} is damaged at byte ${at}: what it says of the blocks cannot be believed. Resynchronize the machine.`,
      );
    const digests = bytes.subarray(at + recordBytes, at + recordBytes + length);
    at += recordBytes + length;
    yield { block: record.readUIntLE(0, 6), count, kind, digests };
  }
}
