import { Fault, isFault } from "#domain/fault.ts";
import type { BlockSink, BlockSource, Extent } from "../block.ts";
import type { NbdConnection, NbdRequest } from "./connection.ts";
import { joinRuns, type Window } from "./extents.ts";
import type { ExportInfo } from "./negotiate.ts";
import { commandFlag, exportFlag } from "./protocol.ts";

/** Larger reads and writes are split, so that they are answered side by side. */
const maximumRequestBytes = 1024 * 1024;
/** One write-zeroes request: small enough for a server that has to write the zeroes to answer before the time-out. */
const maximumZeroBytes = 128 * 1024 * 1024;
/** One block status window: at most 16,384 runs of 64 KiB. */
const statusWindowBytes = 1024 * 1024 * 1024;

export interface NbdDiskOptions {
  readonly where: string;
  readonly connections: readonly NbdConnection[];
  readonly info: ExportInfo;
  readonly allocationContext: number | undefined;
  /** Given: `extents` yields only what this context marks. */
  readonly dirtyContext: number | undefined;
}

/** An open export as blocks. */
export class NbdDisk implements BlockSource, BlockSink {
  readonly sizeBytes: number;
  readonly #options: NbdDiskOptions;
  readonly #maximumRequest: number;

  constructor(options: NbdDiskOptions) {
    this.#options = options;
    this.sizeBytes = options.info.sizeBytes;
    const { maximumPayload, minimumBlock } = options.info;
    this.#maximumRequest = Math.min(maximumRequestBytes, maximumPayload - (maximumPayload % minimumBlock));
  }

  async read(offset: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#checkRange(offset, into.length);
    const block = this.#options.info.minimumBlock;
    const start = offset - (offset % block);
    const end = Math.ceil((offset + into.length) / block) * block;
    if (start === offset && end === offset + into.length) return await this.#readAligned(offset, into, signal);
    // The server only reads whole blocks: read around, and hand out the part that was asked for.
    const around = new Uint8Array(end - start);
    await this.#readAligned(start, around, signal);
    into.set(around.subarray(offset - start, offset - start + into.length));
  }

  async #readAligned(offset: number, into: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#inPieces({ offset, length: into.length, piece: this.#maximumRequest }, (at, length) => ({
      command: "read",
      offset: at,
      length,
      data: into.subarray(at - offset, at - offset + length),
      signal,
    }));
  }

  async write(offset: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#checkWritable(offset, data.length);
    const flags = this.#durability();
    await this.#inPieces({ offset, length: data.length, piece: this.#maximumRequest }, (at, length) => ({
      command: "write",
      offset: at,
      length,
      data: data.subarray(at - offset, at - offset + length),
      flags,
      signal,
    }));
  }

  async zero(offset: number, length: number, signal: AbortSignal): Promise<void> {
    this.#checkWritable(offset, length);
    const flags = this.#durability();
    if ((this.#options.info.flags & exportFlag.sendWriteZeroes) !== 0) {
      const request = (at: number, size: number): NbdRequest => ({
        command: "writeZeroes",
        offset: at,
        length: size,
        flags,
        signal,
      });
      return await this.#inPieces({ offset, length, piece: maximumZeroBytes }, request);
    }
    const zeroes = new Uint8Array(Math.min(length, this.#maximumRequest));
    await this.#inPieces({ offset, length, piece: this.#maximumRequest }, (at, size) => ({
      command: "write",
      offset: at,
      length: size,
      data: zeroes.subarray(0, size),
      flags,
      signal,
    }));
  }

  /** One flush covers all connections: more than one is only opened where the server promises that (`NBD_FLAG_CAN_MULTI_CONN`). */
  async flush(signal: AbortSignal): Promise<void> {
    if ((this.#options.info.flags & exportFlag.sendFlush) === 0) return;
    await this.#connection().request({ command: "flush", offset: 0, length: 0, signal });
  }

  async *extents(options: { readonly from?: number; readonly signal: AbortSignal }): AsyncIterable<Extent> {
    const { signal } = options;
    const from = options.from ?? 0;
    const block = this.#options.info.minimumBlock;
    // Windows start on the server's blocks; what lies before `from` is cut off below.
    let next = from >= this.sizeBytes ? undefined : this.#window(from - (from % block), signal);
    while (next !== undefined) {
      const window = await next;
      // Asked ahead while the consumer works on this one.
      next = window.end < this.sizeBytes ? this.#window(window.end, signal) : undefined;
      next?.catch(() => undefined);
      for (const extent of window.extents) {
        const cut = Math.max(0, from - extent.offset);
        if (cut < extent.length) yield { ...extent, offset: extent.offset + cut, length: extent.length - cut };
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#options.connections) connection.close();
    return Promise.resolve();
  }

  async #window(start: number, signal: AbortSignal): Promise<Window> {
    const { allocationContext, dirtyContext, where } = this.#options;
    const end = Math.min(this.sizeBytes, start + statusWindowBytes);
    if (allocationContext === undefined && dirtyContext === undefined) {
      signal.throwIfAborted();
      return { extents: [{ offset: start, length: end - start, kind: "data" }], end };
    }
    const length = end - start;
    const status = await this.#first()
      .request({ command: "blockStatus", offset: start, length, signal })
      .catch((cause: unknown) => this.#explain(cause, { offset: start, signal }));
    const runs = (context: number | undefined) => (context === undefined ? undefined : (status.get(context) ?? []));
    const window = joinRuns({ start, end, allocation: runs(allocationContext), dirty: runs(dirtyContext) });
    if (window.end === start) {
      throw new Fault(
        "NBD_FAILED",
        `The NBD server at ${where} left out a context in the block status at offset ${start}.`,
      );
    }
    return window;
  }

  /** A given-up snapshot refuses the block status with a bare EINVAL; only a read tells why (`CUT_BROKEN`). */
  async #explain(cause: unknown, at: { readonly offset: number; readonly signal: AbortSignal }): Promise<never> {
    if (isFault(cause) && cause.code === "NBD_FAILED") {
      const { minimumBlock } = this.#options.info;
      await this.#readAligned(at.offset, new Uint8Array(Math.min(minimumBlock, this.sizeBytes - at.offset)), at.signal);
    }
    throw cause;
  }

  /** Sends a range in pieces side by side, a bounded number at a time. Settles when all of them have, so that no buffer is touched later. */
  async #inPieces(
    range: { readonly offset: number; readonly length: number; readonly piece: number },
    request: (offset: number, length: number) => NbdRequest,
  ): Promise<void> {
    const end = range.offset + range.length;
    if (range.length <= range.piece) {
      if (range.length > 0) await this.#connection().request(request(range.offset, range.length));
      return;
    }
    let at = range.offset;
    const failures: unknown[] = [];
    const work = async (): Promise<void> => {
      while (at < end && failures.length === 0) {
        const offset = at;
        at = Math.min(end, offset + range.piece);
        try {
          await this.#connection().request(request(offset, at - offset));
        } catch (cause) {
          failures.push(cause);
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    if (failures.length > 0) throw failures[0];
  }

  /** The least loaded one. */
  #connection(): NbdConnection {
    return this.#options.connections.reduce((best, other) => (other.load < best.load ? other : best), this.#first());
  }

  /** The one whose negotiation gave the meta contexts' ids; on others they may differ. */
  #first(): NbdConnection {
    const [first] = this.#options.connections;
    if (first === undefined) throw new Fault("INTERNAL", "An NBD disk without a connection was used.");
    return first;
  }

  /** A server without flush is asked to make every write durable by itself. */
  #durability(): number {
    return (this.#options.info.flags & exportFlag.sendFlush) === 0 ? commandFlag.fua : 0;
  }

  #checkRange(offset: number, length: number): void {
    if (offset >= 0 && length >= 0 && offset + length <= this.sizeBytes) return;
    throw new Fault(
      "INVALID_INPUT",
      `Bytes ${offset} to ${offset + length} lie outside of the NBD export at ${this.#options.where}, which has ${this.sizeBytes} bytes.`,
    );
  }

  #checkWritable(offset: number, length: number): void {
    this.#checkRange(offset, length);
    const block = this.#options.info.minimumBlock;
    if (offset % block === 0 && length % block === 0) return;
    throw new Fault(
      "INVALID_INPUT",
      `The NBD export at ${this.#options.where} takes writes in multiples of ${block} bytes only; ${length} bytes at offset ${offset} are not.`,
    );
  }
}
