import type { BlockSource } from "#transfer/block.ts";
import type { HostConnection } from "../host.ts";
import { whileOff } from "./meanwhile.ts";

/**
 * Reads of an image as it lies there that reject with `CUT_BROKEN` where the machine has been started meanwhile: QEMU then changes the image's metadata under the reader,
 * which fails with whatever it finds. Of a machine that is still off every fault is told as what it is. Takes the source over.
 */
export const tellStartedFromFailed = (
  source: BlockSource,
  { host, machine }: { readonly host: HostConnection; readonly machine: string },
): BlockSource => ({
  sizeBytes: source.sizeBytes,
  async *extents(options) {
    try {
      yield* source.extents(options);
    } catch (error) {
      await whileOff({ host, machine, signal: options.signal }, () => Promise.reject(error as Error));
    }
  },
  read: (offset, into, signal) => whileOff({ host, machine, signal }, () => source.read(offset, into, signal)),
  [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
});
