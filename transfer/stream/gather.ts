import { blockBytes } from "../block.ts";
import type { KeyedDigest } from "../digest/keyed.ts";
import {
  entryBytes,
  frameFlag,
  frameType,
  headerBytes,
  maximumBodyBytes,
  maximumFrameBlocks,
  writeHeader,
} from "./frame.ts";

/** Header and table of the largest frame stand before the body, so that a raw frame goes out as one piece of memory. */
const roomBytes = headerBytes + maximumFrameBlocks * entryBytes;

/** One blocks frame in the making: blocks are read into `body`, entered one by one, and sealed to bytes for the wire. Reused. */
export class GatherBuffer {
  readonly #memory = Buffer.allocUnsafeSlow(roomBytes + maximumBodyBytes);
  readonly #table = Buffer.alloc(maximumFrameBlocks * entryBytes);
  readonly body = this.#memory.subarray(roomBytes);
  #count = 0;
  #bodyBytes = 0;
  #base = 0;

  get count(): number {
    return this.#count;
  }

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  get base(): number {
    return this.#base;
  }

  clear(): void {
    this.#count = 0;
    this.#bodyBytes = 0;
  }

  /** Enters bytes that stand at `at` in the body (moving them up to the ones before); `offset` is their block's place on the disk. */
  enter(
    block: {
      readonly offset: number;
      readonly at: number;
      readonly length: number;
      readonly digestOf: Buffer;
    },
    digest: KeyedDigest,
  ): void {
    if (this.#count === 0) this.#base = block.offset;
    const entry = this.#count * entryBytes;
    this.#table.writeUInt32BE((block.offset - this.#base) / blockBytes, entry);
    this.#table.writeUInt32BE(0, entry + 4);
    digest.write(block.digestOf, this.#table, entry + 8);
    if (block.at !== this.#bodyBytes) this.body.copyWithin(this.#bodyBytes, block.at, block.at + block.length);
    this.#bodyBytes += block.length;
    this.#count += 1;
  }

  /** The frame with its body as it is. */
  sealRaw(): Buffer {
    return this.#seal(this.#memory, { flags: 0, bodyBytes: this.#bodyBytes, bodyAt: roomBytes });
  }

  /** The frame with its body compressed. */
  sealPacked(packed: Buffer): Buffer {
    const bytes = Buffer.allocUnsafe(headerBytes + this.#count * entryBytes + packed.length);
    packed.copy(bytes, headerBytes + this.#count * entryBytes);
    return this.#seal(bytes, {
      flags: frameFlag.zstd,
      bodyBytes: packed.length,
      bodyAt: headerBytes + this.#count * entryBytes,
    });
  }

  #seal(
    memory: Buffer,
    frame: { readonly flags: number; readonly bodyBytes: number; readonly bodyAt: number },
  ): Buffer {
    const tableBytes = this.#count * entryBytes;
    const start = frame.bodyAt - tableBytes - headerBytes;
    const length = tableBytes + frame.bodyBytes;
    writeHeader(memory, start, {
      type: frameType.blocks,
      flags: frame.flags,
      count: this.#count,
      length,
      offset: this.#base,
    });
    this.#table.copy(memory, frame.bodyAt - tableBytes, 0, tableBytes);
    return memory.subarray(start, frame.bodyAt + frame.bodyBytes);
  }
}

/** One entry of a blocks frame's table. */
export interface BlockEntry {
  readonly offset: number;
  /** 0 in this version. */
  readonly reserved: number;
  /** Where its digest stands in the payload. */
  readonly digestAt: number;
}

/** Reads a blocks frame's table from its payload; offsets are not checked yet. */
export function readEntries(
  payload: Buffer,
  frame: { readonly count: number; readonly offset: number },
): readonly BlockEntry[] {
  return Array.from({ length: frame.count }, (_, number) => {
    const at = number * entryBytes;
    return {
      offset: frame.offset + payload.readUInt32BE(at) * blockBytes,
      reserved: payload.readUInt32BE(at + 4),
      digestAt: at + 8,
    };
  });
}
