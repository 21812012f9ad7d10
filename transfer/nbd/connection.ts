import { Fault } from "#domain/fault.ts";
import { InFlight } from "../wire/in-flight.ts";
import type { Wire } from "../wire/wire.ts";
import { lostFault, protocolFault, refusalFault } from "./faults.ts";
import type { ExportInfo } from "./negotiate.ts";
import type { Pending, StatusRun } from "./pending.ts";
import { command, magic, type CommandName } from "./protocol.ts";
import { ProtocolViolation, ReplyReader } from "./reply-reader.ts";

export interface NbdRequest {
  readonly command: CommandName;
  readonly offset: number;
  readonly length: number;
  /** A read's target or a write's payload, `length` bytes. */
  readonly data?: Uint8Array;
  readonly flags?: number;
  readonly signal: AbortSignal;
}

/** QEMU serves 16 requests of one client at a time; more only wait there. */
const maximumRequests = 16;
const maximumBytes = 16 * 1024 * 1024;
/** An aborted request whose buffer the other side may still touch gets this long to finish before its connection is closed. */
const abortGraceMs = 500;

/**
 * One connection in the transmission phase. Requests go out at once (within the bounds) and are answered in any order.
 *
 * A request's buffer is never touched after its promise has settled: not after an abort, not after a time-out.
 * With requests under way and no byte received for `timeoutMs`, the server counts as dead and all fail with `CONNECTION_LOST`.
 */
export class NbdConnection {
  readonly #wire: Wire;
  readonly #where: string;
  readonly #timeoutMs: number;
  readonly #inFlight = new InFlight({ count: maximumRequests, bytes: maximumBytes });
  readonly #pending = new Map<number, Pending & { readonly fail: (fault: Fault) => void }>();
  readonly #watchdog: NodeJS.Timeout;
  #cookie = 0;
  #failure: Fault | undefined;
  #closing = false;
  #lastReceived = 0;
  #silentSince = Date.now();

  constructor(options: {
    readonly wire: Wire;
    readonly where: string;
    readonly info: ExportInfo;
    readonly timeoutMs: number;
  }) {
    this.#wire = options.wire;
    this.#where = options.where;
    this.#timeoutMs = options.timeoutMs;
    new ReplyReader({
      intake: options.wire.intake,
      structured: options.info.structured,
      find: (cookie) => this.#pending.get(cookie),
      onViolation: (violation) => this.#violated(violation),
    }).start();
    options.wire.onLost((cause) => this.#fail(lostFault(this.#where, cause)));
    this.#watchdog = setInterval(() => this.#watch(), Math.max(10, Math.min(1_000, this.#timeoutMs / 4)));
    this.#watchdog.unref();
  }

  /** Bytes of requests under way: where the next request waits the least. */
  get load(): number {
    return this.#inFlight.bytes;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Sends one request and waits for its whole answer. Answers the block status runs by context id (empty for other commands). */
  async request(request: NbdRequest): Promise<ReadonlyMap<number, readonly StatusRun[]>> {
    const weight = request.data?.length ?? 0;
    await this.#inFlight.acquire(weight, request.signal);
    try {
      return await this.#exchange(request);
    } finally {
      this.#inFlight.release(weight);
    }
  }

  /** Says good-bye and closes. Requests under way fail. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    clearInterval(this.#watchdog);
    if (this.#failure === undefined) {
      this.#wire.write([requestHeader({ type: command.disconnect, cookie: 0, offset: 0, length: 0, flags: 0 })]);
      this.#wire.stream.end();
      setTimeout(() => this.#wire.destroy(), 1_000).unref();
    }
    this.#settleAll(new Fault("CANCELLED", `The NBD connection to ${this.#where} was closed by this side.`));
  }

  #exchange(request: NbdRequest): Promise<ReadonlyMap<number, readonly StatusRun[]>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined || this.#closing) {
        reject(this.#failure ?? new Fault("CANCELLED", `The NBD connection to ${this.#where} is closed.`));
        return;
      }
      const { signal } = request;
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const cookie = this.#nextCookie();
      let grace: NodeJS.Timeout | undefined;
      let settled = false;
      const settle = (act: () => void): void => {
        if (settled) return;
        settled = true;
        clearTimeout(grace);
        signal.removeEventListener("abort", abort);
        act();
      };
      const abort = (): void => {
        // Without a buffer nothing can be touched any more: the answer is awaited by nobody.
        if (request.data === undefined) settle(() => reject(signal.reason as Error));
        else
          grace = setTimeout(
            () => this.#fail(lostFault(this.#where, new Error("a request was cancelled and did not end"))),
            abortGraceMs,
          );
      };
      const pending = {
        command: request.command,
        offset: request.offset,
        length: request.length,
        into: request.command === "read" ? request.data : undefined,
        covered: 0,
        refusal: undefined,
        status: new Map<number, readonly StatusRun[]>(),
        finish: (): void => {
          this.#pending.delete(cookie);
          settle(() => {
            if (signal.aborted) reject(signal.reason as Error);
            else if (pending.refusal !== undefined)
              reject(refusalFault({ where: this.#where, ...request, refusal: pending.refusal }));
            else resolve(pending.status);
          });
        },
        fail: (fault: Fault): void => settle(() => reject(signal.aborted ? (signal.reason as Error) : fault)),
      } satisfies Pending & { fail: (fault: Fault) => void } as Pending & { readonly fail: (fault: Fault) => void };
      if (this.#pending.size === 0) this.#silentSince = Date.now();
      this.#pending.set(cookie, pending);
      signal.addEventListener("abort", abort, { once: true });
      const header = requestHeader({
        type: command[request.command],
        cookie,
        offset: request.offset,
        length: request.length,
        flags: request.flags ?? 0,
      });
      this.#wire.write(request.command === "write" && request.data !== undefined ? [header, request.data] : [header]);
    });
  }

  #nextCookie(): number {
    do this.#cookie = (this.#cookie + 1) >>> 0;
    while (this.#pending.has(this.#cookie));
    return this.#cookie;
  }

  #watch(): void {
    const received = this.#wire.intake.receivedBytes;
    if (received !== this.#lastReceived || this.#pending.size === 0) {
      this.#lastReceived = received;
      this.#silentSince = Date.now();
    } else if (Date.now() - this.#silentSince > this.#timeoutMs) {
      const seconds = Math.round(this.#timeoutMs / 1_000);
      this.#fail(
        lostFault(
          this.#where,
          new Error(`it answered nothing for ${seconds} s with ${this.#pending.size} requests under way`),
        ),
      );
    }
  }

  #violated(violation: Error): void {
    if (violation instanceof ProtocolViolation) this.#fail(protocolFault(this.#where, violation.message));
    else
      this.#fail(
        new Fault("INTERNAL", `Reading the NBD server's replies at ${this.#where} failed: ${violation.message}`, {
          cause: violation,
        }),
      );
  }

  #fail(fault: Fault): void {
    if (this.#failure !== undefined) return;
    this.#failure = fault;
    clearInterval(this.#watchdog);
    this.#wire.destroy();
    this.#settleAll(fault);
  }

  #settleAll(fault: Fault): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) pending.fail(fault);
  }
}

function requestHeader(request: {
  readonly type: number;
  readonly cookie: number;
  readonly offset: number;
  readonly length: number;
  readonly flags: number;
}): Buffer {
  const header = Buffer.alloc(28);
  header.writeUInt32BE(magic.request, 0);
  header.writeUInt16BE(request.flags, 4);
  header.writeUInt16BE(request.type, 6);
  header.writeUInt32BE(request.cookie, 12);
  header.writeBigUInt64BE(BigInt(request.offset), 16);
  header.writeUInt32BE(request.length, 24);
  return header;
}
