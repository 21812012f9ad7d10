import type { Intake } from "../wire/intake.ts";
import type { Pending, StatusRun } from "./pending.ts";
import { chunk, chunkFlagDone, magic, maximumStringBytes } from "./protocol.ts";

/** A block status answer longer than this is refused before memory is given for it (QEMU stops at 1 MiB, nbdkit far below). */
const maximumStatusBytes = 8 * 1024 * 1024;

/** A sentence's middle: what the server did wrong. */
export class ProtocolViolation extends Error {}

/**
 * Reads replies for ever: simple and structured, in any order, read payloads straight into the waiting requests' buffers.
 * Everything the server says is checked against the request it answers; the first violation goes to `onViolation` and ends the reading.
 */
export class ReplyReader {
  readonly #intake: Intake;
  readonly #structured: boolean;
  readonly #find: (cookie: number) => Pending | undefined;
  readonly #onViolation: (violation: Error) => void;
  readonly #header = Buffer.allocUnsafe(16);
  /** The rest of a structured header (4 bytes of length) and, for read chunks, the offset (8) and a hole's size (4). */
  readonly #rest = Buffer.allocUnsafe(16);

  constructor(options: {
    readonly intake: Intake;
    readonly structured: boolean;
    readonly find: (cookie: number) => Pending | undefined;
    readonly onViolation: (violation: Error) => void;
  }) {
    this.#intake = options.intake;
    this.#structured = options.structured;
    this.#find = options.find;
    this.#onViolation = options.onViolation;
  }

  start(): void {
    this.#expect(this.#header, () => this.#readHeader());
  }

  #expect(target: Uint8Array, then: () => void): void {
    this.#intake.expect(target, () => {
      try {
        then();
      } catch (violation) {
        this.#onViolation(violation instanceof Error ? violation : new Error(String(violation)));
      }
    });
  }

  #readHeader(): void {
    const kind = this.#header.readUInt32BE(0);
    if (kind === magic.simpleReply) this.#readSimple();
    else if (kind === magic.structuredReply && this.#structured) this.#readChunk();
    else throw new ProtocolViolation(`a reply begins with ${kind.toString(16)}`);
  }

  #pending(): Pending {
    const pending = this.#header.readUInt32BE(8) === 0 ? this.#find(this.#header.readUInt32BE(12)) : undefined;
    if (pending === undefined) throw new ProtocolViolation("it answered a request that was not asked");
    return pending;
  }

  #readSimple(): void {
    const pending = this.#pending();
    const errno = this.#header.readUInt32BE(4);
    if (errno !== 0) pending.refusal ??= { errno, text: "" };
    if (errno !== 0 || pending.into === undefined) {
      if (errno === 0 && pending.command === "blockStatus")
        throw new ProtocolViolation("it answered a block status request without one");
      this.#finish(pending);
      return;
    }
    if (this.#structured) throw new ProtocolViolation("it answered a read with a simple reply");
    pending.covered = pending.length;
    this.#expect(pending.into, () => this.#finish(pending));
  }

  #readChunk(): void {
    const pending = this.#pending();
    const type = this.#header.readUInt16BE(6);
    const done = (this.#header.readUInt16BE(4) & chunkFlagDone) !== 0;
    const reads = type === chunk.offsetData || type === chunk.offsetHole;
    const prefix = this.#rest.subarray(0, type === chunk.offsetHole ? 16 : type === chunk.offsetData ? 12 : 4);
    this.#expect(prefix, () => {
      const length = prefix.readUInt32BE(0);
      if (reads) this.#readPiece({ pending, prefix, length, done, isHole: type === chunk.offsetHole });
      else if (type === chunk.none) this.#readNone(pending, length, done);
      else if (type === chunk.blockStatus) this.#readStatus(pending, length, done);
      else if (type >= 0x8000) this.#readError({ pending, length, done, hasOffset: type === chunk.errorOffset });
      else throw new ProtocolViolation(`it sent a chunk of the unknown type ${type}`);
    });
  }

  #readPiece(request: {
    readonly pending: Pending;
    readonly prefix: Buffer;
    readonly length: number;
    readonly done: boolean;
    readonly isHole: boolean;
  }): void {
    const { pending, prefix, length, done, isHole } = request;
    if (pending.into === undefined) throw new ProtocolViolation("it sent data for a request that reads none");
    const start = prefix.readBigUInt64BE(4) - BigInt(pending.offset);
    const size = isHole ? prefix.readUInt32BE(12) : length - 8;
    const whole = isHole ? length === 12 : length > 8;
    const fits =
      start >= 0n && start + BigInt(size) <= BigInt(pending.length) && pending.covered + size <= pending.length;
    if (!whole || size <= 0 || !fits) throw new ProtocolViolation("it sent data outside of what was asked");
    const target = pending.into.subarray(Number(start), Number(start) + size);
    pending.covered += size;
    if (isHole) {
      target.fill(0);
      this.#next(pending, done);
    } else this.#expect(target, () => this.#next(pending, done));
  }

  #readNone(pending: Pending, length: number, done: boolean): void {
    if (length !== 0 || !done) throw new ProtocolViolation("an empty chunk is not empty");
    this.#next(pending, done);
  }

  #readStatus(pending: Pending, length: number, done: boolean): void {
    if (pending.command !== "blockStatus") throw new ProtocolViolation("it sent a block status that was not asked");
    if (length < 12 || length > maximumStatusBytes || (length - 4) % 8 !== 0) {
      throw new ProtocolViolation(`it sent a block status of ${length} bytes`);
    }
    const payload = Buffer.allocUnsafe(length);
    this.#expect(payload, () => {
      const context = payload.readUInt32BE(0);
      if (pending.status.has(context)) throw new ProtocolViolation("it sent the status of one context twice");
      pending.status.set(context, readRuns(payload));
      this.#next(pending, done);
    });
  }

  #readError(request: {
    readonly pending: Pending;
    readonly length: number;
    readonly done: boolean;
    readonly hasOffset: boolean;
  }): void {
    const { pending, length, done, hasOffset } = request;
    if (length < 6 || length > maximumStringBytes + 14)
      throw new ProtocolViolation(`it sent an error of ${length} bytes`);
    const payload = Buffer.allocUnsafe(length);
    this.#expect(payload, () => {
      const textLength = payload.readUInt16BE(4);
      if (6 + textLength + (hasOffset ? 8 : 0) > length) throw new ProtocolViolation("an error's text is cut off");
      const errno = payload.readUInt32BE(0);
      if (errno === 0) throw new ProtocolViolation("it sent an error without a number");
      pending.refusal ??= { errno, text: payload.toString("utf8", 6, 6 + textLength) };
      this.#next(pending, done);
    });
  }

  #next(pending: Pending, done: boolean): void {
    if (done) this.#finish(pending);
    else this.#expect(this.#header, () => this.#readHeader());
  }

  #finish(pending: Pending): void {
    if (pending.into !== undefined && pending.refusal === undefined && pending.covered !== pending.length) {
      throw new ProtocolViolation(`it sent ${pending.covered} of ${pending.length} bytes`);
    }
    pending.finish();
    this.#expect(this.#header, () => this.#readHeader());
  }
}

function readRuns(payload: Buffer): readonly StatusRun[] {
  const runs: StatusRun[] = [];
  for (let at = 4; at < payload.length; at += 8) {
    const length = payload.readUInt32BE(at);
    if (length === 0) throw new ProtocolViolation("it sent an empty run in a block status");
    runs.push({ length, flags: payload.readUInt32BE(at + 4) });
  }
  return runs;
}
