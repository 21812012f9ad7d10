import { Fault } from "#domain/fault.ts";
import { blockBytes, type BlockSource } from "../block.ts";
import { digestBytes, type KeyedDigest } from "../digest/keyed.ts";
import type { FrameChannel } from "./channel.ts";
import { frameType, headerBytes } from "./frame.ts";
import { isZero, zeroDigest } from "./zero.ts";
import { readAhead } from "./read-ahead.ts";

/** Digests that may be on their way or not yet compared at the other side. */
const windowBytes = 1024 * 1024;

/** The receiving site's half of a comparison: digests of its current content, streamed ahead of the sender's comparing within a window. */
export class DigestStream {
  readonly #channel: FrameChannel;
  readonly #digest: KeyedDigest;
  #sent = 0;
  #compared = 0;
  #wake: (() => void) | undefined;

  constructor(options: { readonly channel: FrameChannel; readonly digest: KeyedDigest }) {
    this.#channel = options.channel;
    this.#digest = options.digest;
  }

  /** The other side is done with so many bytes of digest frames. */
  compared(total: number): void {
    this.#compared = Math.max(this.#compared, total);
    this.#wake?.();
  }

  async run(current: BlockSource, options: { readonly from: number; readonly signal: AbortSignal }): Promise<void> {
    const { signal } = options;
    const wake = (): void => this.#wake?.();
    signal.addEventListener("abort", wake, { once: true });
    try {
      for await (const piece of readAhead(current, options)) {
        await this.#room(signal);
        await this.#send(piece.kind === "zero" ? zeroFrame(piece) : this.#dataFrame(piece));
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  #dataFrame(piece: { readonly offset: number; readonly data: Buffer }) {
    const count = Math.ceil(piece.data.length / blockBytes);
    const payload = Buffer.allocUnsafe(count * digestBytes);
    for (let block = 0; block < count; block += 1) {
      const content = piece.data.subarray(block * blockBytes, (block + 1) * blockBytes);
      if (isZero(content)) payload.set(zeroDigest, block * digestBytes);
      else this.#digest.write(content, payload, block * digestBytes);
    }
    return { type: frameType.digests, offset: piece.offset, payload };
  }

  async #room(signal: AbortSignal): Promise<void> {
    while (this.#sent - this.#compared > windowBytes) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async #send(frame: { readonly type: number; readonly offset: number; readonly payload: Buffer }): Promise<void> {
    this.#sent += headerBytes + frame.payload.length;
    await this.#channel.send(frame);
  }
}

function zeroFrame(piece: { readonly offset: number; readonly length: number }) {
  const payload = Buffer.allocUnsafe(8);
  payload.writeBigUInt64BE(BigInt(piece.length));
  return { type: frameType.zeroDigests, offset: piece.offset, payload };
}

/** Consecutive digests of the other side, or a run it has as zero. */
interface Segment {
  readonly offset: number;
  readonly end: number;
  /** Absent: all zero. */
  readonly digests: Buffer | undefined;
  readonly frameBytes: number;
}

/** The sending site's half: what the other side said, in order, asked for in order. */
export class PeerDigests {
  readonly #segments: Segment[] = [];
  readonly #report: (total: number) => void;
  #position: number;
  #consumed = 0;
  #reported = 0;
  #wake: (() => void) | undefined;
  #failure: Fault | undefined;

  constructor(options: { readonly from: number; readonly report: (total: number) => void }) {
    this.#position = options.from;
    this.#report = options.report;
  }

  arrived(
    frame: { readonly type: number; readonly offset: number; readonly payload: Buffer },
    diskBytes: number,
  ): void {
    const { offset, payload } = frame;
    const isRun = frame.type === frameType.zeroDigests;
    const length = isRun
      ? payload.length === 8
        ? Number(payload.readBigUInt64BE(0))
        : 0
      : (payload.length / digestBytes) * blockBytes;
    const end = Math.min(offset + length, diskBytes);
    if (offset !== this.#position || length <= 0 || !Number.isInteger(length) || end <= offset) {
      throw new Fault(
        "PEER_INCOMPATIBLE",
        `The peer sent digests out of order (offset ${offset}, expected ${this.#position}).`,
      );
    }
    this.#position = end;
    this.#segments.push({
      offset,
      end,
      digests: isRun ? undefined : payload,
      frameBytes: headerBytes + payload.length,
    });
    this.#wake?.();
  }

  fail(fault: Fault): void {
    this.#failure ??= fault;
    this.#wake?.();
  }

  /** The digest of the block at `offset` (all zero: a zero block), and up to where the other side's content is told in one piece with it. */
  async at(offset: number): Promise<{ readonly end: number; readonly digest: Buffer; readonly digestAt: number }> {
    for (;;) {
      const [segment] = this.#segments;
      if (segment === undefined) {
        if (this.#failure !== undefined) throw this.#failure;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      } else if (segment.end <= offset) this.#drop(segment);
      else if (segment.digests === undefined) return { end: segment.end, digest: zeroDigest, digestAt: 0 };
      else {
        const digestAt = Math.floor((offset - segment.offset) / blockBytes) * digestBytes;
        return { end: Math.min(segment.end, offset + blockBytes), digest: segment.digests, digestAt };
      }
    }
  }

  #drop(segment: Segment): void {
    this.#segments.shift();
    this.#consumed += segment.frameBytes;
    if (this.#consumed - this.#reported < windowBytes / 8) return;
    this.#reported = this.#consumed;
    this.#report(this.#consumed);
  }
}
