import { Fault, isFault } from "#domain/fault.ts";
import type { DiskId } from "#domain/ids.ts";
import { blockBytes, type BlockSink, type BlockSource } from "#transfer/block.ts";
import { openNbdSink, openNbdSource } from "#transfer/nbd/open.ts";
import { coverBlocks, type CoveredBlocks } from "./covered-blocks.ts";
import { recordDigests, type DigestRecorder } from "./digest-log.ts";
import { attachChain, closeIncoming, exportIncoming, exportName } from "./image-export.ts";
import type { StorageDaemon } from "./storage-daemons.ts";
import type { StoredIncomingDisk } from "./stored-replica.ts";

/** One disk of the delta that is being received, open under its storage daemon. */
export interface IncomingDisk {
  readonly recorder: DigestRecorder;
  readonly covered: CoveredBlocks;
  /** Data received and not yet counted in the stored state. */
  readonly dataBytes: number;
  counted(bytes: number): void;
  sink(signal: AbortSignal): Promise<BlockSink>;
  /** Reads see the sealed chain beneath. */
  current(signal: AbortSignal): Promise<BlockSource>;
  /** All finished writes are durable. */
  flush(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface IncomingDiskOptions {
  readonly disk: DiskId;
  readonly daemon: StorageDaemon;
  readonly file: string;
  /** The newest sealed image, beneath it. */
  readonly sealed: string | undefined;
  readonly stored: StoredIncomingDisk;
  /** Blocks that are only compared get digests too: the layer then speaks for the whole disk. */
  readonly recordReads: boolean;
  readonly signal: AbortSignal;
}

const connections = 2;

/** Opens a disk of the incoming layer for receiving. */
export const openIncomingDisk = async (options: IncomingDiskOptions): Promise<IncomingDisk> => {
  const { disk, daemon, file, sealed, stored } = options;
  const recorder = recordDigests();
  const covered = coverBlocks(stored.sizeBytes, stored.coveredBytes);
  const nbd = { transport: daemon.nbd, exportName, connections };
  let unflushed = false;
  let lost: unknown;
  let dataBytes = 0;
  let chained: Promise<void> | undefined;
  let flusher: BlockSink | undefined;
  await exportIncoming(daemon.qmp, file);

  /** A daemon that died took what it had not flushed with it: nothing may be sealed until the sender has gone back to the resume offset. */
  const checkLost = (): void => {
    if (lost === undefined) return;
    throw new Fault(
      "CONNECTION_LOST",
      `The storage daemon of disk ${disk} died while it received: what it had not made durable is gone. Begin again; the transfer goes on where the last checkpoint was.`,
      { cause: lost },
    );
  };
  const watched = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    checkLost();
    try {
      return await work();
    } catch (error) {
      if (unflushed && isFault(error) && error.code === "CONNECTION_LOST") lost = error;
      throw error;
    }
  };
  return {
    recorder,
    covered,
    get dataBytes() {
      return dataBytes;
    },
    counted(bytes) {
      dataBytes -= bytes;
    },
    async sink(signal) {
      const sink = await openNbdSink({ ...nbd, signal });
      return {
        sizeBytes: sink.sizeBytes,
        write: async (offset, data, writeSignal) => {
          checkAligned({ disk, offset, length: data.length, sizeBytes: sink.sizeBytes });
          unflushed = true;
          await watched(() => sink.write(offset, data, writeSignal));
          recorder.data(offset, data);
          covered.add(offset, data.length);
          dataBytes += data.length;
        },
        zero: async (offset, length, writeSignal) => {
          checkAligned({ disk, offset, length, sizeBytes: sink.sizeBytes });
          unflushed = true;
          await watched(() => sink.zero(offset, length, writeSignal));
          recorder.zero(offset, length);
          covered.add(offset, length);
        },
        flush: (flushSignal) => watched(() => sink.flush(flushSignal)),
        [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
      };
    },
    async current(signal) {
      if (sealed !== undefined) chained ??= attachChain(daemon.qmp, file, sealed);
      await chained;
      const source = await openNbdSource({ ...nbd, signal });
      if (!options.recordReads) return source;
      return recordingSource(source, { recorder, covered });
    },
    async flush(signal) {
      checkLost();
      if (!unflushed) return;
      unflushed = false;
      try {
        flusher ??= await openNbdSink({ ...nbd, connections: 1, signal: options.signal });
        await flusher.flush(signal);
      } catch (error) {
        unflushed = true;
        flusher = undefined;
        if (isFault(error) && error.code !== "CANCELLED") lost = error;
        throw error;
      }
    },
    async close() {
      await flusher?.[Symbol.asyncDispose]();
      flusher = undefined;
      await closeIncoming(daemon.qmp);
    },
  };
};

/** What the comparison reads gets its digests recorded on the way. */
const recordingSource = (
  source: BlockSource,
  into: { readonly recorder: DigestRecorder; readonly covered: CoveredBlocks },
): BlockSource => ({
  sizeBytes: source.sizeBytes,
  async *extents(range) {
    for await (const extent of source.extents(range)) {
      const whole = wholeBlocks(extent.offset, extent.length, source.sizeBytes);
      if (extent.kind === "zero" && whole !== undefined) {
        into.recorder.zero(whole.offset, whole.length);
        into.covered.add(whole.offset, whole.length);
      }
      yield extent;
    }
  },
  async read(offset, target, signal) {
    await source.read(offset, target, signal);
    const whole = wholeBlocks(offset, target.length, source.sizeBytes);
    if (whole === undefined) return;
    into.recorder.data(whole.offset, target.subarray(whole.offset - offset, whole.offset - offset + whole.length));
    into.covered.add(whole.offset, whole.length);
  },
  [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
});

/** The part of a range that is whole blocks; the disk's last block is whole where the disk ends. */
const wholeBlocks = (
  offset: number,
  length: number,
  sizeBytes: number,
): { readonly offset: number; readonly length: number } | undefined => {
  const start = Math.ceil(offset / blockBytes) * blockBytes;
  const last = offset + length;
  const end = last >= sizeBytes ? last : Math.floor(last / blockBytes) * blockBytes;
  return end > start ? { offset: start, length: end - start } : undefined;
};

/** Partial blocks cannot be taken: the layer is written without what lies beneath, so the rest of the block would become zeroes. */
const checkAligned = (write: {
  readonly disk: DiskId;
  readonly offset: number;
  readonly length: number;
  readonly sizeBytes: number;
}): void => {
  const { disk, offset, length, sizeBytes } = write;
  const end = offset + length;
  if (offset % blockBytes === 0 && (end % blockBytes === 0 || end === sizeBytes) && end <= sizeBytes) return;
  throw new Fault(
    "INVALID_INPUT",
    `A write of ${length} bytes at offset ${offset} does not fit disk ${disk} (${sizeBytes} bytes): incoming blocks are whole multiples of ${blockBytes} bytes.`,
  );
};
