import { setTimeout as sleep } from "node:timers/promises";
import { blockBytes, type BlockSink, type BlockSource, type Extent } from "#transfer/block.ts";

/** A source over memory. Extents are found block by block of 4 KiB, or given. */
export function memorySource(content: Buffer, given?: readonly Extent[]): BlockSource {
  return {
    sizeBytes: content.length,
    async *extents({ from = 0 }) {
      for (const extent of given ?? scan(content)) {
        const cut = Math.max(0, from - extent.offset);
        if (cut < extent.length) yield { ...extent, offset: extent.offset + cut, length: extent.length - cut };
      }
      await Promise.resolve();
    },
    read(offset, into, signal) {
      signal.throwIfAborted();
      into.set(content.subarray(offset, offset + into.length));
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const nothing = Buffer.alloc(4096);

function scan(content: Buffer): readonly Extent[] {
  const extents: { offset: number; length: number; kind: Extent["kind"] }[] = [];
  for (let offset = 0; offset < content.length; offset += nothing.length) {
    const piece = content.subarray(offset, offset + nothing.length);
    const kind = piece.equals(nothing.subarray(0, piece.length)) ? "zero" : "data";
    const last = extents.at(-1);
    if (last?.kind === kind) last.length += piece.length;
    else extents.push({ offset, length: piece.length, kind });
  }
  return extents;
}

/** A sink over memory that refuses what a store of whole blocks refuses, and may be slow or fail. */
export class MemorySink implements BlockSink {
  readonly content: Buffer;
  delayMs = 0;
  failWith: Error | undefined;
  bytesWritten = 0;
  writing = 0;
  mostWriting = 0;
  flushes = 0;

  constructor(content: Buffer) {
    this.content = content;
  }

  get sizeBytes(): number {
    return this.content.length;
  }

  async write(offset: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const ends = offset + data.length === this.content.length;
    if (offset % blockBytes !== 0 || (data.length % blockBytes !== 0 && !ends))
      throw new Error(`unaligned write ${offset}+${data.length}`);
    this.writing += data.length;
    this.mostWriting = Math.max(this.mostWriting, this.writing);
    try {
      if (this.delayMs > 0) await sleep(this.delayMs, undefined, { signal });
      if (this.failWith !== undefined) throw this.failWith;
      this.content.set(data, offset);
      this.bytesWritten += data.length;
    } finally {
      this.writing -= data.length;
    }
  }

  zero(offset: number, length: number): Promise<void> {
    this.content.fill(0, offset, offset + length);
    return Promise.resolve();
  }

  flush(): Promise<void> {
    this.flushes += 1;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
