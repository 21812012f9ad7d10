import { Fault } from "#domain/fault.ts";
import { blockBytes, type BlockSink } from "../block.ts";
import type { KeyedDigest } from "../digest/keyed.ts";
import type { FrameChannel } from "./channel.ts";
import { busyShareMeter, decompressBody } from "./compression.ts";
import {
  entryBytes,
  frameFlag,
  frameType,
  maximumFrameBlocks,
  maximumPayloadBytes,
  type FrameHeader,
} from "./frame.ts";
import { readEntries, type BlockEntry } from "./gather.ts";

/** Received and not yet written: more than this holds the sender back. */
const maximumPendingBytes = 16 * 1024 * 1024;
const maximumPendingFrames = 64;
const acknowledgeBytes = 512 * 1024;
/** On a fast link acknowledgements by bytes alone would be thousands a second, each waking both sides. */
const acknowledgeMs = 20;

/**
 * The receiving half of a copy: every block is verified against its digest before it is written. Writes run side by side; a checkpoint covers all
 * that came before it, and is flushed before it is acknowledged.
 */
export class BlockReceiver {
  readonly #channel: FrameChannel;
  readonly #digest: KeyedDigest;
  readonly #sink: BlockSink;
  readonly #checkpoint: (offset: number) => Promise<void>;
  readonly #onFault: (cause: unknown) => void;
  readonly #signal: AbortSignal;
  readonly #free: Buffer[] = [];
  readonly #writing = new Set<Promise<void>>();
  #pendingBytes = 0;
  #room: (() => void) | undefined;
  #failed = false;
  #acknowledged = 0;
  #acknowledgedAt = 0;
  readonly #busyShare = busyShareMeter();
  /** Checkpoints run one after the other. */
  #lastCheckpoint: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly channel: FrameChannel;
    readonly digest: KeyedDigest;
    readonly sink: BlockSink;
    /** Records that everything below is flushed. */
    readonly checkpoint: (offset: number) => Promise<void>;
    readonly onFault: (cause: unknown) => void;
    readonly signal: AbortSignal;
  }) {
    this.#channel = options.channel;
    this.#digest = options.digest;
    this.#sink = options.sink;
    this.#checkpoint = options.checkpoint;
    this.#onFault = options.onFault;
    this.#signal = options.signal;
  }

  /** Where a blocks frame's payload goes: large buffers that are used again and again. */
  allocate(header: FrameHeader): Buffer {
    const whole = this.#free.pop() ?? Buffer.allocUnsafeSlow(maximumPayloadBytes);
    return whole.subarray(0, header.length);
  }

  /** One frame; a promise holds the sender back until there is room again. */
  frame(header: FrameHeader, payload: Buffer): void | Promise<void> {
    if (header.type === frameType.blocks) {
      this.#acknowledge();
      this.#begin(this.#receiveBlocks(header, payload), payload.length);
    } else if (header.type === frameType.zero) this.#begin(this.#receiveZero(header, payload), 0);
    else if (header.type === frameType.checkpoint) this.#flushUpTo(header.offset, frameType.checkpointed);
    else if (header.type === frameType.end) this.#flushUpTo(this.#sink.sizeBytes, frameType.done);
    else throw new Fault("PEER_INCOMPATIBLE", `The peer sent a frame of type ${header.type} during a copy.`);
    if (this.#hasRoom()) return undefined;
    return new Promise((resolve) => (this.#room = resolve));
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#writing, this.#lastCheckpoint]);
  }

  #hasRoom(): boolean {
    return this.#pendingBytes < maximumPendingBytes && this.#writing.size < maximumPendingFrames;
  }

  /** The bytes so far, by which the sender measures the link. */
  #acknowledge(): void {
    const received = this.#channel.receivedBytes;
    if (received - this.#acknowledged < acknowledgeBytes) return;
    const now = performance.now();
    if (now - this.#acknowledgedAt < acknowledgeMs) return;
    this.#acknowledged = received;
    this.#acknowledgedAt = now;
    const count = Math.round(this.#busyShare() * 100);
    this.#channel.send({ type: frameType.received, count, offset: received }).catch(() => undefined);
  }

  #begin(work: Promise<void>, bytes: number): void {
    this.#pendingBytes += bytes;
    const tracked = work
      .catch((cause: unknown) => this.#fail(cause))
      .finally(() => {
        this.#writing.delete(tracked);
        this.#pendingBytes -= bytes;
        if (!this.#hasRoom()) return;
        this.#room?.();
        this.#room = undefined;
      });
    this.#writing.add(tracked);
  }

  #fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#onFault(cause);
  }

  async #receiveBlocks(header: FrameHeader, payload: Buffer): Promise<void> {
    try {
      const entries = this.#checkEntries(header, payload);
      const packed = payload.subarray(header.count * entryBytes);
      const expected = entries.reduce((sum, entry) => sum + this.#lengthOf(entry), 0);
      const body = (header.flags & frameFlag.zstd) === 0 ? packed : await unpack(packed, expected);
      if (body.length !== expected) throw malformed(`holds ${body.length} bytes instead of ${expected}`);
      await this.#writeBlocks(entries, { payload, body });
    } finally {
      this.#free.push(wholeBuffer(payload));
    }
  }

  #checkEntries(header: FrameHeader, payload: Buffer): readonly BlockEntry[] {
    if (header.count === 0 || header.count > maximumFrameBlocks || payload.length <= header.count * entryBytes) {
      throw malformed(`announces ${header.count} blocks in ${payload.length} bytes`);
    }
    if (header.offset % blockBytes !== 0) throw malformed(`begins at ${header.offset}, within a block`);
    const entries = readEntries(payload, header);
    for (const [number, entry] of entries.entries()) {
      const previous = entries[number - 1];
      if (entry.offset >= this.#sink.sizeBytes)
        throw malformed(`reaches ${entry.offset}, beyond the disk's ${this.#sink.sizeBytes} bytes`);
      if (previous !== undefined && entry.offset <= previous.offset) throw malformed("has its blocks out of order");
      if (entry.reserved !== 0) throw malformed("uses a field that this version does not know");
    }
    return entries;
  }

  /** The disk's last block may be short. */
  #lengthOf(entry: BlockEntry): number {
    return Math.min(blockBytes, this.#sink.sizeBytes - entry.offset);
  }

  async #writeBlocks(
    entries: readonly BlockEntry[],
    frame: { readonly payload: Buffer; readonly body: Buffer },
  ): Promise<void> {
    const writes: Promise<void>[] = [];
    let run: { readonly offset: number; readonly at: number; length: number } | undefined;
    let at = 0;
    const flush = (): void => {
      if (run !== undefined)
        writes.push(this.#sink.write(run.offset, frame.body.subarray(run.at, run.at + run.length), this.#signal));
      run = undefined;
    };
    try {
      for (const entry of entries) {
        const length = this.#lengthOf(entry);
        const content = frame.body.subarray(at, at + length);
        this.#verify(entry, content, frame.payload);
        if (run !== undefined && run.offset + run.length === entry.offset) run.length += length;
        else {
          flush();
          run = { offset: entry.offset, at, length };
        }
        at += length;
      }
      flush();
    } finally {
      // The buffer is used again once this settles.
      await Promise.allSettled(writes);
    }
    await Promise.all(writes);
  }

  #verify(entry: BlockEntry, content: Buffer, payload: Buffer): void {
    if (this.#digest.matches(content, payload, entry.digestAt)) return;
    throw new Fault(
      "DAMAGED_IN_TRANSIT",
      `The block at offset ${entry.offset} did not arrive as it was sent; it was not written. The copy goes on from the last checkpoint.`,
      {
        details: { offset: entry.offset },
      },
    );
  }

  async #receiveZero(header: FrameHeader, payload: Buffer): Promise<void> {
    const length = payload.length === 8 ? Number(payload.readBigUInt64BE(0)) : 0;
    const end = header.offset + length;
    const aligned = header.offset % blockBytes === 0 && (length % blockBytes === 0 || end === this.#sink.sizeBytes);
    if (length <= 0 || end > this.#sink.sizeBytes || !aligned)
      throw malformed(`zeroes ${length} bytes at ${header.offset}`);
    await this.#sink.zero(header.offset, length, this.#signal);
  }

  #flushUpTo(offset: number, answer: number): void {
    if (offset > this.#sink.sizeBytes) throw malformed(`asks for a checkpoint at ${offset}, beyond the disk's end`);
    const before = [...this.#writing];
    const previous = this.#lastCheckpoint;
    this.#lastCheckpoint = (async () => {
      await previous;
      await Promise.all(before);
      if (this.#failed) return;
      await this.#sink.flush(this.#signal);
      await this.#checkpoint(offset);
      await this.#channel.send({ type: answer, offset });
    })().catch((cause: unknown) => this.#fail(cause));
  }
}

async function unpack(packed: Buffer, expected: number): Promise<Buffer> {
  try {
    return await decompressBody(packed, expected);
  } catch (cause) {
    throw new Fault(
      "DAMAGED_IN_TRANSIT",
      "A compressed frame did not arrive as it was sent; nothing of it was written.",
      {
        cause,
      },
    );
  }
}

const malformed = (what: string): Fault => new Fault("PEER_INCOMPATIBLE", `The peer's blocks frame ${what}.`);

/** The pooled buffer a payload was cut from. */
const wholeBuffer = (payload: Buffer): Buffer => Buffer.from(payload.buffer, payload.byteOffset, maximumPayloadBytes);
