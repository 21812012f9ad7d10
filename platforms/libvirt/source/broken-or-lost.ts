import { isFault } from "#domain/fault.ts";
import { type BlockSource, blockBytes } from "#transfer/block.ts";

/** QEMU answers at once or not at all. */
const askWithinMs = 5_000;

/**
 * Reads of a cut's disk that reject with `CUT_BROKEN` also where QEMU only closed the connection. It does that when the snapshot is given up in the middle of a
 * structured reply, where the error cannot be told any more (nbd/server.c, `nbd_co_send_sparse_read`). Asked again over a connection of its own it
 * denies every read, and so says what it was. A connection that was really lost stays `CONNECTION_LOST`. Takes the source over.
 */
export const tellBrokenFromLost = (
  source: BlockSource,
  reopen: (signal: AbortSignal) => Promise<BlockSource>,
): BlockSource => {
  let asked: Promise<unknown> | undefined;
  const ask = async (signal: AbortSignal): Promise<unknown> => {
    try {
      await using again = await reopen(signal);
      await again.read(0, new Uint8Array(Math.min(blockBytes, again.sizeBytes)), signal);
      return undefined;
    } catch (error) {
      // Anything but this says no more than the loss that is told in any case.
      return isFault(error) && error.code === "CUT_BROKEN" ? error : undefined;
    }
  };
  const meant = async (error: unknown, signal: AbortSignal): Promise<unknown> => {
    if (!isFault(error) || error.code !== "CONNECTION_LOST" || signal.aborted) return error;
    // Many reads fail together: one question is enough.
    asked ??= ask(AbortSignal.timeout(askWithinMs));
    return (await asked) ?? error;
  };
  return {
    sizeBytes: source.sizeBytes,
    async *extents(options) {
      try {
        yield* source.extents(options);
      } catch (error) {
        throw await meant(error, options.signal);
      }
    },
    async read(offset, into, signal) {
      try {
        await source.read(offset, into, signal);
      } catch (error) {
        throw await meant(error, signal);
      }
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  };
};
