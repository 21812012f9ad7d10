import { blockBytes, type Extent } from "../block.ts";
import type { KeyedDigest } from "../digest/keyed.ts";
import type { CopyRequest } from "../session.ts";
import type { FrameChannel } from "./channel.ts";
import { compressBody, levelOf, type AdaptiveCompression } from "./compression.ts";
import { frameType } from "./frame.ts";
import { GatherBuffer } from "./gather.ts";
import { Pool } from "./pool.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { StreamTuning } from "./tuning.ts";
import { isZero } from "./zero.ts";

/** Bound of what is between the source and the kernel: 24 MiB. */
const buffers = 6;
const rawFrameBlocks = 16;
const packedFrameBlocks = 64;
const checkpointMs = 5_000;

/** What one frame needs: ready to go out in its turn. */
interface Prepared {
  /** Everything below has gone out once this has. */
  readonly end: number;
  /** Zero runs first: they were found before or between the blocks. */
  readonly zeroRuns: readonly { readonly offset: number; readonly length: number }[];
  readonly frame: Buffer | undefined;
  readonly dataBytes: number;
  /** The compression step it was made at. */
  readonly step: number;
  readonly compressorMs: number;
  release(): void;
}

/** In the disk's order. */
interface Queued {
  readonly prepared: Promise<Prepared>;
}

export interface SendTotals {
  dataBytes: number;
  zeroBytes: number;
}

/**
 * The sending half of a copy: reads, digests and compresses several frames ahead and sends them in the disk's order, so that "everything below
 * this offset" always means something. Ends after the last frame went to the kernel.
 */
export class BlockSender {
  readonly #channel: FrameChannel;
  readonly #digest: KeyedDigest;
  readonly #request: CopyRequest;
  readonly #signal: AbortSignal;
  readonly #pool = new Pool(Array.from({ length: buffers }, () => new GatherBuffer()));
  readonly #bucket: TokenBucket;
  readonly #compression: AdaptiveCompression;
  readonly #tuning: StreamTuning;
  readonly #onSent: (offset: number) => void;
  readonly totals: SendTotals = { dataBytes: 0, zeroBytes: 0 };
  #unflushed = 0;
  #checkpointAt = performance.now();

  constructor(options: {
    readonly channel: FrameChannel;
    readonly digest: KeyedDigest;
    readonly request: CopyRequest;
    /** The request's, and the end of the channel. */
    readonly signal: AbortSignal;
    readonly compression: AdaptiveCompression;
    readonly tuning: StreamTuning;
    /** Everything below this offset was handed to the kernel. */
    readonly onSent: (offset: number) => void;
  }) {
    this.#channel = options.channel;
    this.#digest = options.digest;
    this.#request = options.request;
    this.#signal = options.signal;
    this.#compression = options.compression;
    this.#onSent = options.onSent;
    this.#tuning = options.tuning;
    this.#bucket = new TokenBucket(options.request.bytesPerSecond);
  }

  get #step(): number {
    return this.#request.compression === "off" ? 0 : this.#compression.step;
  }

  /** Sends these runs, ascending, in whole blocks. */
  async sendRuns(runs: AsyncIterable<Extent>): Promise<void> {
    const queue: Queued[] = [];
    try {
      for await (const batch of this.#batches(runs)) {
        const buffer = await this.#take(queue);
        const prepared = this.#prepare(batch, buffer);
        prepared.catch(() => undefined);
        queue.push({ prepared });
      }
      while (queue.length > 0) await this.#sendNext(queue);
    } finally {
      // Nothing of ours may be read into after this: wait for reads under way (they end with the signal).
      await Promise.allSettled(queue.map(({ prepared }) => prepared));
    }
  }

  /** A free buffer; while there is none, the oldest frame is sent. */
  async #take(queue: Queued[]): Promise<GatherBuffer> {
    while (this.#pool.free === 0) await this.#sendNext(queue);
    return await this.#pool.take(this.#signal);
  }

  /** Runs grouped to what fits into one frame, with the zero runs among them. */
  async *#batches(runs: AsyncIterable<Extent>): AsyncGenerator<Batch> {
    let batch = new Batch();
    for await (const run of runs) {
      if (run.kind === "zero") {
        batch.zeroRuns.push({ offset: run.offset, length: run.length });
        batch.end = run.offset + run.length;
        if (batch.zeroRuns.length < 1_024) continue;
        yield batch;
        batch = new Batch();
        continue;
      }
      for (let offset = run.offset; offset < run.offset + run.length;) {
        const limit = (this.#step === 0 ? rawFrameBlocks : packedFrameBlocks) * blockBytes;
        if (batch.bodyBytes >= limit || batch.spans(offset)) {
          yield batch;
          batch = new Batch();
        }
        const length = Math.min(run.offset + run.length - offset, limit - batch.bodyBytes);
        batch.add(offset, length);
        offset += length;
      }
    }
    if (batch.end > 0) yield batch;
  }

  async #prepare(batch: Batch, buffer: GatherBuffer): Promise<Prepared> {
    const release = (): void => this.#pool.give(buffer);
    try {
      buffer.clear();
      await this.#read(batch, buffer);
      const zeroRuns = [...batch.zeroRuns];
      let at = 0;
      for (const read of batch.reads) {
        for (let offset = read.offset; offset < read.offset + read.length; offset += blockBytes) {
          const length = Math.min(blockBytes, read.offset + read.length - offset);
          const block = buffer.body.subarray(at, at + length);
          if (isZero(block)) appendRun(zeroRuns, { offset, length });
          else buffer.enter({ offset, at, length, digestOf: block }, this.#digest);
          at += length;
        }
      }
      const step = this.#step;
      const started = performance.now();
      const packed =
        step === 0 || buffer.count === 0
          ? undefined
          : await compressBody(buffer.body.subarray(0, buffer.bodyBytes), levelOf(step));
      const compressorMs = step === 0 ? 0 : performance.now() - started;
      const frame =
        buffer.count === 0 ? undefined : packed === undefined ? buffer.sealRaw() : buffer.sealPacked(packed);
      return { end: batch.end, zeroRuns, frame, dataBytes: buffer.bodyBytes, step, compressorMs, release };
    } catch (cause) {
      release();
      throw cause;
    }
  }

  async #read(batch: Batch, buffer: GatherBuffer): Promise<void> {
    let at = 0;
    const reads = batch.reads.map((read) => {
      const target = buffer.body.subarray(at, at + read.length);
      at += read.length;
      return this.#request.source.read(read.offset, target, this.#signal);
    });
    const settled = await Promise.allSettled(reads);
    const failed = settled.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #sendNext(queue: Queued[]): Promise<void> {
    const waitingSince = performance.now();
    const [next] = queue;
    if (next === undefined) return;
    const prepared = await next.prepared;
    queue.shift();
    const waitedMs = performance.now() - waitingSince;
    try {
      await this.#sendPrepared(prepared, Math.min(waitedMs, prepared.compressorMs));
    } finally {
      prepared.release();
    }
  }

  async #sendPrepared(prepared: Prepared, compressorMs: number): Promise<void> {
    const started = performance.now();
    const before = this.#channel.sentBytes;
    for (const run of prepared.zeroRuns) {
      const payload = Buffer.allocUnsafe(8);
      payload.writeBigUInt64BE(BigInt(run.length));
      await this.#bucket.take(24, this.#signal);
      await this.#untilAborted(this.#channel.send({ type: frameType.zero, offset: run.offset, payload }));
      this.totals.zeroBytes += run.length;
    }
    if (prepared.frame !== undefined) {
      await this.#bucket.take(prepared.frame.length, this.#signal);
      await this.#untilAborted(this.#channel.sendPrepared(prepared.frame));
    }
    this.totals.dataBytes += prepared.dataBytes;
    if (prepared.frame !== undefined) {
      const [bytes, linkMs] = [this.#channel.sentBytes - before, performance.now() - started];
      this.#compression.sent({ step: prepared.step, bytes, dataBytes: prepared.dataBytes, linkMs, compressorMs });
    }
    this.#onSent(prepared.end);
    await this.#checkpoint(prepared);
  }

  async #checkpoint(prepared: Prepared): Promise<void> {
    this.#unflushed += prepared.dataBytes;
    if (this.#unflushed === 0) return;
    if (this.#unflushed < this.#tuning.checkpointBytes && performance.now() - this.#checkpointAt < checkpointMs) return;
    this.#unflushed = 0;
    this.#checkpointAt = performance.now();
    await this.#untilAborted(this.#channel.send({ type: frameType.checkpoint, offset: prepared.end }));
  }

  /** A write to a stalled peer only ends with its connection, which the caller breaks off on an abort. */
  async #untilAborted(sent: Promise<void>): Promise<void> {
    // The abort is what is told; that the write fails with it is nobody's concern, but must not end the process.
    sent.catch(() => undefined);
    this.#signal.throwIfAborted();
    await sent;
  }
}

/** Adjoining zero runs become one. */
function appendRun(
  runs: { offset: number; length: number }[],
  run: { readonly offset: number; readonly length: number },
): void {
  const last = runs.at(-1);
  if (last !== undefined && last.offset + last.length === run.offset)
    runs[runs.length - 1] = { offset: last.offset, length: last.length + run.length };
  else runs.push({ ...run });
}

class Batch {
  readonly zeroRuns: { offset: number; length: number }[] = [];
  readonly reads: { offset: number; length: number }[] = [];
  bodyBytes = 0;
  end = 0;

  add(offset: number, length: number): void {
    this.reads.push({ offset, length });
    this.bodyBytes += length;
    this.end = offset + length;
  }

  /** Whether the frame's 32-bit block index would not reach so far. */
  spans(offset: number): boolean {
    const first = this.reads[0];
    return first !== undefined && (offset - first.offset) / blockBytes > 0xffff_ffff;
  }
}
