import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";

const compressAsync = promisify(zstdCompress);
const decompressAsync = promisify(zstdDecompress);

/** From no work to most. Level 0 means raw. (zstd's −1 and −2 are no faster than 1 here; node:zlib treats −1 as 3.) */
export const compressionSteps = [0, -3, 1, 3, 6] as const;
const fastestRate = [400e6, 100e6, 25e6, 8e6] as const;

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

/** Above this share of its time a side counts as busy: compression would slow it down, not speed the link up. */
const busyShare = 0.75;

/**
 * Chooses the level from what the sender is waiting for. Held back by the link: the level by the link's speed, as the receiver's
 * acknowledgements tell it (the kernel's own buffers make every link look fast at first). Held back by either side's own work, or by the
 * compressor: one step down at once, and no step up for a while that doubles, so that it does not swing.
 */
export class AdaptiveCompression {
  readonly #now: () => number;
  readonly #ownShare: () => number;
  #step: number;
  #since: number;
  #sentBytes = 0;
  #receivedBytes = 0;
  #linkMs = 0;
  #compressorMs = 0;
  #holdUntil = 0;
  #holdMs = 2_000;
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
    this.#since = this.#now();
  }

  get step(): number {
    return this.#step;
  }

  /** 0: raw. */
  get level(): number {
    return compressionSteps[this.#step] ?? 0;
  }

  /** One frame went to the kernel: its size and how long the sender waited for the compressor and for the link. */
  sent(frame: { readonly bytes: number; readonly linkMs: number; readonly compressorMs: number }): void {
    this.#sentBytes += frame.bytes;
    this.#linkMs += frame.linkMs;
    this.#compressorMs += frame.compressorMs;
  }

  /** The receiver has so many more bytes, and was busy for this share of its time. */
  received(bytes: number, peerShare: number): void {
    this.#receivedBytes += bytes;
    const elapsed = this.#now() - this.#since;
    // The first looks come early: a fast link should not be compressed on for long, nor a slow one be sent to raw.
    if (elapsed < (this.#evaluations < 8 ? 15 : 250)) return;
    this.#evaluate(elapsed, Math.max(peerShare, this.#ownShare()));
    this.#since = this.#now();
    this.#sentBytes = 0;
    this.#receivedBytes = 0;
    this.#linkMs = 0;
    this.#compressorMs = 0;
  }

  #evaluate(elapsed: number, share: number): void {
    this.#evaluations += 1;
    const now = this.#now();
    const linkBound = this.#linkMs > elapsed / 2 || this.#sentBytes > this.#receivedBytes * 1.5 + 1e6;
    const compressorBound = !linkBound && this.#compressorMs > elapsed / 2;
    if (share > busyShare || compressorBound) {
      if (this.#step === 0) return;
      this.#step -= 1;
      this.#holdUntil = now + this.#holdMs;
      this.#holdMs = Math.min(this.#holdMs * 2, 60_000);
    } else if (linkBound) {
      const wanted = stepForRate((this.#receivedBytes / elapsed) * 1_000);
      if (wanted < this.#step || now >= this.#holdUntil) this.#step = wanted;
    }
  }
}

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
