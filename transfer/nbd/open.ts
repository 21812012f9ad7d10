import { Fault } from "#domain/fault.ts";
import type { BlockSink, BlockSource } from "../block.ts";
import { dialNbd, type DialRequest } from "./dial.ts";
import { NbdDisk } from "./disk.ts";
import { describeTransport } from "./faults.ts";
import type { NbdOptions } from "./options.ts";
import { exportFlag } from "./protocol.ts";

const defaultTimeoutMs = 60_000;
const allocationContext = "base:allocation";

/**
 * Opens an NBD export for reading. `extents` is typed by `base:allocation`; with `dirtyBitmap` it yields only what that bitmap marks.
 * Rejects with `CONNECTION_LOST` (unreachable, silent, shutting down), `TLS_FAILED`, `TRACKING_LOST` (the export has no such bitmap), `NBD_FAILED`.
 * Reads reject with `CUT_BROKEN` where the server says that a snapshot was given up, else `NBD_FAILED` or `CONNECTION_LOST`.
 */
export const openNbdSource = (options: NbdOptions): Promise<BlockSource> => open(options, "read");

/** Opens an NBD export for writing. Writes reject with `STORE_FULL` when the storage is full, else `NBD_FAILED` or `CONNECTION_LOST`. */
export const openNbdSink = (options: NbdOptions): Promise<BlockSink> => open(options, "write");

/** Opens an NBD export for both. */
export const openNbdDisk = (options: NbdOptions): Promise<BlockSource & BlockSink> => open(options, "write");

async function open(options: NbdOptions, purpose: "read" | "write"): Promise<NbdDisk> {
  const { transport, exportName, dirtyBitmap } = options;
  const where = `${describeTransport(transport)} (export "${exportName}")`;
  const dirtyName = dirtyBitmap === undefined ? undefined : `qemu:dirty-bitmap:${dirtyBitmap}`;
  const contexts = dirtyName === undefined ? [allocationContext] : [allocationContext, dirtyName];
  const request: DialRequest = {
    transport,
    exportName,
    contexts,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    signal: options.signal,
  };
  const first = await dialNbd(request);
  const connections = [first.connection];
  try {
    const { flags } = first.info;
    if (purpose === "write") checkWritable(flags, where);
    const dirtyContext = dirtyName === undefined ? undefined : first.info.contexts.get(dirtyName);
    if (dirtyName !== undefined && dirtyContext === undefined) {
      const message = `The NBD server at ${where} does not offer the dirty bitmap "${dirtyBitmap}": what changed cannot be told, so the disk must be resynchronized.`;
      throw new Fault("TRACKING_LOST", message, { details: { where, dirtyBitmap } });
    }
    const wanted = (flags & exportFlag.multiConnection) === 0 ? 1 : (options.connections ?? 1);
    for (let count = 1; count < wanted; count += 1) {
      const other = await dialNbd({ ...request, contexts: [...contexts] });
      connections.push(other.connection);
      if (other.info.sizeBytes !== first.info.sizeBytes) {
        throw new Fault(
          "NBD_FAILED",
          `The NBD export at ${where} changed its size from ${first.info.sizeBytes} to ${other.info.sizeBytes} bytes while it was opened.`,
        );
      }
    }
    return new NbdDisk({
      where,
      connections,
      info: first.info,
      allocationContext: first.info.contexts.get(allocationContext),
      dirtyContext,
    });
  } catch (cause) {
    for (const connection of connections) connection.close();
    throw cause;
  }
}

function checkWritable(flags: number, where: string): void {
  if ((flags & exportFlag.readOnly) !== 0) {
    throw new Fault("NBD_FAILED", `The NBD export at ${where} is read-only. Export it writable.`);
  }
  if ((flags & (exportFlag.sendFlush | exportFlag.sendFua)) === 0) {
    throw new Fault(
      "NBD_FAILED",
      `The NBD export at ${where} offers neither flush nor forced writes, so nothing written could be made durable.`,
    );
  }
}
