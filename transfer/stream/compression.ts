import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";

const compressAsync = promisify(zstdCompress);
const decompressAsync = promisify(zstdDecompress);

/** From no work to most. Level 0 means raw. (zstd's −1 and −2 are no faster than 1 here; node:zlib treats −1 as 3.) */
export const compressionSteps = [0, -3, 1, 3, 6] as const;
const fastestRate = [200e6, 100e6, 25e6, 8e6] as const;

/** The compressed bytes, or nothing when they are not smaller by at least a thirty-second part. */
export async function compressBody(body: Buffer, level: number): Promise<Buffer | undefined> {
  const packed = await compressAsync(body, {
    chunkSize: 1 << 20,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
  return packed.length < body.length - (body.length >> 5) ? packed : undefined;
}

/** Never gives more memory than `expectedBytes`: a frame that claims less than it holds is refused. */
export const decompressBody = (packed: Buffer, expectedBytes: number): Promise<Buffer> =>
  decompressAsync(packed, {
    chunkSize: Math.max(64, Math.min(expectedBytes, 1 << 20)),
    maxOutputLength: expectedBytes,
  });

/**
 * The two sides' busy shares of their time, together, from which on they count as the limit. Where the link is, both are idle for most of the
 * time; where a side is, it always works, and when it does not, the other does.
 */
const busyShares = 0.9;

/** How long a step's measured speed is believed. */
const believedMs = 30_000;
/** A step must be so much faster than another to be preferred to it. */
const clearlyFaster = 1.03;

/**
 * Chooses the level from what the sender is waiting for, and judges every change by its outcome. Held back by the link: the level by the link's
 * speed, as the receiver's acknowledgements tell it (the kernel's own buffers make every link look fast at first). Held back by either side's own
 * work, or by the compressor: one step down. A step that turns out no faster than the one before is taken back and not tried again for half a
 * minute, so that neither a starved machine nor a link about as fast as the compressor makes it swing.
 */
export class AdaptiveCompression {
  readonly #now: () => number;
  readonly #ownShare: () => number;
  /** Uncompressed bytes per ms that went out at a step, and when that was. */
  readonly #speeds = new Map<number, { readonly speed: number; readonly at: number }>();
  #step: number;
  #previous: number | undefined;
  /** Begins with the first frame that was made at the step: before, older frames are still under way. */
  #since: number | undefined;
  #frames = 0;
  #dataBytes = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #linkMs = 0;
  #compressorMs = 0;
  #evaluations = 0;

  constructor(
    options: {
      /** Where the last copy's level ended; raw otherwise. */
      readonly step?: number;
      readonly now?: () => number;
      /** The share of its time (0 to 1) that this side was busy since it was last asked. */
      readonly ownShare?: () => number;
    } = {},
  ) {
    this.#now = options.now ?? (() => performance.now());
    this.#ownShare = options.ownShare ?? busyShareMeter();
    this.#step = options.step ?? 0;
  }

  get step(): number {
    return this.#step;
  }

  /** 0: raw. */
  get level(): number {
    return levelOf(this.#step);
  }

  /** One frame went to the kernel: the step it was made at, its sizes and how long the sender waited for the compressor and for the link. */
  sent(frame: {
    readonly step: number;
    readonly bytes: number;
    readonly dataBytes: number;
    readonly linkMs: number;
    readonly compressorMs: number;
  }): void {
    if (frame.step !== this.#step) return;
    if (this.#since === undefined) {
      this.#since = this.#now();
      return;
    }
    this.#frames += 1;
    this.#sentBytes += frame.bytes;
    this.#dataBytes += frame.dataBytes;
    this.#linkMs += frame.linkMs;
    this.#compressorMs += frame.compressorMs;
  }

  /** The receiver has so many more bytes, and was busy for this share of its time. */
  received(bytes: number, peerShare: number): void {
    if (this.#since === undefined) return;
    this.#receivedBytes += bytes;
    const elapsed = this.#now() - this.#since;
    // The first looks come early: a fast link should not be compressed on for long, nor a slow one be sent to raw.
    if (this.#frames < 4 || elapsed < (this.#evaluations < 8 ? 15 : 250)) return;
    this.#evaluations += 1;
    const next = this.#judge(elapsed, peerShare + this.#ownShare());
    if (next !== this.#step) this.#previous = this.#step;
    this.#since = next === this.#step ? this.#now() : undefined;
    this.#step = next;
    this.#frames = 0;
    this.#sentBytes = 0;
    this.#dataBytes = 0;
    this.#receivedBytes = 0;
    this.#linkMs = 0;
    this.#compressorMs = 0;
  }

  #judge(elapsed: number, shares: number): number {
    const speed = this.#dataBytes / elapsed;
    this.#speeds.set(this.#step, { speed, at: this.#now() });
    const previous = this.#previous;
    this.#previous = undefined;
    if (previous !== undefined && speed < (this.#speedAt(previous) ?? 0) * clearlyFaster) return previous;
    const wanted = this.#wanted(elapsed, shares);
    const known = this.#speedAt(wanted);
    return known === undefined || known > speed * clearlyFaster ? wanted : this.#step;
  }

  #wanted(elapsed: number, shares: number): number {
    const linkBound = this.#linkMs > elapsed / 2 || this.#sentBytes > this.#receivedBytes * 1.5 + 1e6;
    const compressorBound = !linkBound && this.#compressorMs > elapsed / 2;
    if (shares > busyShares || compressorBound) return Math.max(0, this.#step - 1);
    return linkBound ? stepForRate((this.#receivedBytes / elapsed) * 1_000) : this.#step;
  }

  #speedAt(step: number): number | undefined {
    const measured = this.#speeds.get(step);
    return measured === undefined || this.#now() - measured.at > believedMs ? undefined : measured.speed;
  }
}

export const levelOf = (step: number): number => compressionSteps[step] ?? 0;

/** The share of its time that this process's event loop was busy since the last call. */
export function busyShareMeter(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

const stepForRate = (bytesPerSecond: number): number => {
  const step = fastestRate.findIndex((rate) => bytesPerSecond >= rate);
  return step === -1 ? compressionSteps.length - 1 : step;
};
