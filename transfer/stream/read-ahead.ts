import type { BlockSource, Extent } from "../block.ts";
import { alignedRuns } from "./plan.ts";

const pieceBytes = 1024 * 1024;
const depth = 4;
const maximumRunBytes = 1024 * 1024 * 1024;

export interface ReadPiece extends Extent {
  /** The content of a `data` piece; reused once the next piece is asked for. */
  readonly data: Buffer;
}

/** A source's content in order, in whole blocks, read a few pieces of 1 MiB ahead. Zero runs come without data. */
export async function* readAhead(
  source: BlockSource,
  options: { readonly from: number; readonly signal: AbortSignal },
): AsyncGenerator<ReadPiece> {
  const { from, signal } = options;
  const free = Array.from({ length: depth }, () => Buffer.allocUnsafeSlow(pieceBytes));
  const queue: { readonly extent: Extent; readonly buffer: Buffer; readonly read: Promise<void> }[] = [];
  const none = Buffer.alloc(0);
  try {
    for await (const run of alignedRuns(source, { from, maximumBytes: maximumRunBytes, signal })) {
      if (run.kind === "zero") {
        yield* drain(queue, { free, keep: 0 });
        yield { ...run, data: none };
        continue;
      }
      for (let offset = run.offset; offset < run.offset + run.length; offset += pieceBytes) {
        yield* drain(queue, { free, keep: depth - 1 });
        const length = Math.min(pieceBytes, run.offset + run.length - offset);
        const buffer = free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
        const read = source.read(offset, buffer.subarray(0, length), signal);
        read.catch(() => undefined);
        queue.push({ extent: { offset, length, kind: "data" }, buffer, read });
      }
    }
    yield* drain(queue, { free, keep: 0 });
  } finally {
    await Promise.allSettled(queue.map((entry) => entry.read));
  }
}

async function* drain(
  queue: { readonly extent: Extent; readonly buffer: Buffer; readonly read: Promise<void> }[],
  options: { readonly free: Buffer[]; readonly keep: number },
): AsyncGenerator<ReadPiece> {
  while (queue.length > options.keep) {
    const [next] = queue;
    if (next === undefined) return;
    await next.read;
    queue.shift();
    yield { ...next.extent, data: next.buffer.subarray(0, next.extent.length) };
    options.free.push(next.buffer);
  }
}
