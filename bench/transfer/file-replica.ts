import { readSync, writeSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { execa } from "execa";
import { Fault } from "#domain/fault.ts";
import { instant, type DiskId } from "#domain/ids.ts";
import type { BlockSink, BlockSource } from "#transfer/block.ts";
import type { IncomingState, ReplicaOpener } from "#transfer/replica.ts";

/** A file as a source with its holes, as an NBD export would tell them. Synchronous reads: the files lie in memory, and a copy there is quicker than a thread's wake-up. */
export async function fileSource(path: string): Promise<BlockSource> {
  const file = await open(path, "r");
  const { size } = await file.stat();
  // Asked once: starting qemu-img is this stand-in's way to find the holes, and no part of a copy.
  let map: Promise<readonly MapEntry[]> | undefined;
  return {
    sizeBytes: size,
    async *extents({ from = 0 }) {
      for (const { start, length, data } of await (map ??= allocationMap(path))) {
        const [offset, end] = [Math.max(start, from), Math.min(start + length, size)];
        if (offset < end) yield { offset, length: end - offset, kind: data ? ("data" as const) : ("zero" as const) };
      }
    },
    read: async (offset, into) => {
      const count = readSync(file.fd, into, 0, into.length, offset);
      if (count !== into.length) throw new Fault("INTERNAL", "The benchmark's file ended early.");
      await Promise.resolve();
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Node itself cannot ask a file for its holes. */
async function allocationMap(path: string): Promise<readonly MapEntry[]> {
  const { stdout } = await execa("qemu-img", ["map", "--output=json", "-f", "raw", path]);
  return JSON.parse(stdout) as readonly MapEntry[];
}

interface MapEntry {
  readonly start: number;
  readonly length: number;
  readonly data: boolean;
}

/** A file as a sink; in a fresh one nothing has been written where zeroes go, so they need no work. */
async function fileSink(
  file: FileHandle,
  options: { readonly sizeBytes: number; readonly fresh: boolean },
): Promise<BlockSink> {
  const { sizeBytes, fresh } = options;
  await file.truncate(sizeBytes);
  // On this thread: handing a write to another costs more than it gains where the file lies in memory and both cores are busy.
  const write = (offset: number, data: Uint8Array): Promise<void> => {
    if (writeSync(file.fd, data, 0, data.length, offset) !== data.length)
      throw new Fault("STORE_FULL", "The benchmark's folder is full.");
    return Promise.resolve();
  };
  return {
    sizeBytes,
    write,
    zero: async (offset, length) => {
      if (!fresh) await write(offset, new Uint8Array(length));
    },
    flush: () => file.datasync(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** One disk in one file. `fresh`: emptied by every `begin`; otherwise its content is what a resynchronization compares with. */
export function fileReplicaOpener(options: {
  readonly path: string;
  readonly sizeBytes: number;
  readonly fresh: boolean;
  readonly onBegin: () => void;
}): ReplicaOpener {
  return {
    open: async ({ replica, epoch }) => {
      const file = await open(options.path, options.fresh ? "w+" : "r+");
      let incoming: IncomingState | undefined;
      return {
        state: async () =>
          await Promise.resolve({
            replica,
            epoch,
            ...(incoming === undefined ? {} : { incoming }),
            disks: [{ id: "disk" as DiskId, sizeBytes: options.sizeBytes }],
          }),
        begin: async ({ cut, mode }) => {
          options.onBegin();
          if (options.fresh) await file.truncate(0);
          incoming = { cut: cut.id, mode, resumeOffsets: {} };
          return incoming;
        },
        sink: () => fileSink(file, options),
        current: () => fileSource(options.path),
        checkpoint: () => Promise.resolve(),
        seal: async ({ cut, keep }) =>
          await Promise.resolve({ ...cut, sealedAt: instant(Date.now()), kept: keep, deltaBytes: 0 }),
        discardIncoming: async () => {
          if (options.fresh) await file.truncate(0);
        },
        [Symbol.asyncDispose]: () => file.close(),
      };
    },
  };
}
