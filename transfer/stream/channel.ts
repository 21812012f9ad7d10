import { Fault } from "#domain/fault.ts";
import type { Wire } from "../wire/wire.ts";
import { frameType, headerBytes, maximumPayloadBytes, readHeader, writeHeader, type FrameHeader } from "./frame.ts";

/** What is done with frames that arrive. Whatever it throws ends the channel. */
export interface FrameHandler {
  /** Where the payload goes; a new buffer by default. */
  allocate?(header: FrameHeader): Buffer;
  /** One whole frame. While the answered promise is pending nothing more is read: the peer is held back by the transport itself. */
  frame(header: FrameHeader, payload: Buffer): void | Promise<void>;
  /** Once, when the channel ended for whatever reason. */
  lost(fault: Fault): void;
}

const pingEveryMs = 2_000;
/** Ticks without a byte (with us ready to read) after which the peer counts as dead: noticed within 10 s. */
const deadAfterTicks = 8;

/**
 * Frames in both directions over one TLS connection. Each side sends a ping when it had nothing else to send for 2 s, also while it holds the
 * peer back, so that silence always means that the peer or the way to it is gone.
 */
export class FrameChannel {
  readonly #wire: Wire;
  readonly #peer: string;
  readonly #header = Buffer.allocUnsafe(headerBytes);
  readonly #timer: NodeJS.Timeout;
  #handler: FrameHandler;
  #maximumPayload: number;
  readonly #watchers = new Set<() => void>();
  #failure: Fault | undefined;
  #sentBytes = 0;
  #sentAtTick = 0;
  #ticks = 0;
  #silentTicks = 0;
  #receivedAtTick = 0;
  #holding = false;

  constructor(options: {
    readonly wire: Wire;
    /** How messages name the other side. */
    readonly peer: string;
    readonly handler: FrameHandler;
    readonly maximumPayload: number;
  }) {
    this.#wire = options.wire;
    this.#peer = options.peer;
    this.#handler = options.handler;
    this.#maximumPayload = options.maximumPayload;
    this.#timer = setInterval(() => this.#tick(), 1_000);
    this.#timer.unref();
    options.wire.onLost((cause) => this.fail(lostFault(this.#peer, cause)));
    if (this.#failure === undefined) this.#expectHeader();
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get receivedBytes(): number {
    return this.#wire.intake.receivedBytes;
  }

  get failure(): Fault | undefined {
    return this.#failure;
  }

  /** From the next frame on. Payloads may be larger once the peer is known. */
  handle(handler: FrameHandler, maximumPayload: number = maximumPayloadBytes): void {
    this.#handler = handler;
    this.#maximumPayload = maximumPayload;
    if (this.#failure !== undefined) handler.lost(this.#failure);
  }

  /** Calls back once when the channel ends, whoever handles its frames then. Answers how to stop listening. */
  onLost(callback: () => void): () => void {
    this.#watchers.add(callback);
    if (this.#failure !== undefined) callback();
    return () => this.#watchers.delete(callback);
  }

  /** Sends a frame of its own small buffer. */
  send(frame: {
    readonly type: number;
    readonly flags?: number;
    readonly count?: number;
    readonly offset?: number;
    readonly payload?: Uint8Array;
  }): Promise<void> {
    const payload = frame.payload ?? new Uint8Array(0);
    const bytes = Buffer.allocUnsafe(headerBytes + payload.length);
    const { type, flags = 0, count = 0, offset = 0 } = frame;
    writeHeader(bytes, 0, { type, flags, count, offset, length: payload.length });
    bytes.set(payload, headerBytes);
    return this.sendPrepared(bytes);
  }

  sendJson(type: number, message: unknown, offset = 0): Promise<void> {
    return this.send({ type, offset, payload: Buffer.from(JSON.stringify(message)) });
  }

  /** Sends a whole frame as it stands; it must not change until the promise has settled (when the kernel has taken it). */
  sendPrepared(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#sentBytes += bytes.length;
    return new Promise((resolve, reject) => {
      this.#wire.stream.write(bytes, (cause) => {
        if (cause === null || cause === undefined) resolve();
        else reject(this.#failure ?? lostFault(this.#peer, cause));
      });
    });
  }

  /**
   * Ends the channel with a reason of this side; bytes already handed over still go out. What the peer is still sending is read and thrown away
   * meanwhile: closing with unread bytes would reset the connection before the peer has read the reason.
   */
  end(fault: Fault): void {
    this.#finish(fault, () => {
      this.#wire.stream.end();
      if (this.#holding) this.#discard();
      setTimeout(() => this.#wire.destroy(), 1_000).unref();
    });
  }

  /** Breaks the channel off at once. */
  fail(fault: Fault): void {
    this.#finish(fault, () => this.#wire.destroy());
  }

  #finish(fault: Fault, close: () => void): void {
    if (this.#failure !== undefined) return;
    this.#failure = fault;
    clearInterval(this.#timer);
    close();
    this.#handler.lost(fault);
    for (const watcher of this.#watchers) watcher();
  }

  #discard(): void {
    if (!this.#wire.stream.destroyed) this.#wire.intake.expect(new Uint8Array(65_536), () => this.#discard());
  }

  #expectHeader(): void {
    this.#wire.intake.expect(this.#header, () => this.#guard(() => this.#readHeader()));
  }

  #readHeader(): void {
    if (this.#failure !== undefined) {
      this.#discard();
      return;
    }
    const header = readHeader(this.#header);
    if (header.length > this.#maximumPayload || !Number.isSafeInteger(header.offset)) {
      throw new Fault(
        "PEER_INCOMPATIBLE",
        `${this.#peer} sent a frame (type ${header.type}, ${header.length} bytes) that is not allowed here.`,
      );
    }
    if (header.length === 0) {
      this.#deliver(header, Buffer.alloc(0));
      return;
    }
    const payload = this.#handler.allocate?.(header) ?? Buffer.allocUnsafe(header.length);
    this.#wire.intake.expect(payload, () => this.#guard(() => this.#deliver(header, payload)));
  }

  #deliver(header: FrameHeader, payload: Buffer): void {
    const ignored = header.type === frameType.ping || this.#failure !== undefined;
    const held = ignored ? undefined : this.#handler.frame(header, payload);
    if (this.#failure !== undefined) {
      this.#discard();
      return;
    }
    if (held === undefined) {
      this.#expectHeader();
      return;
    }
    this.#holding = true;
    held.then(
      () => {
        if (this.#failure !== undefined) return;
        this.#holding = false;
        this.#silentTicks = 0;
        this.#expectHeader();
      },
      (cause: unknown) => this.#guard(() => Promise.reject(cause)),
    );
  }

  #guard(act: () => void | Promise<never>): void {
    const broke = (cause: unknown): void =>
      this.fail(cause instanceof Fault ? cause : lostFault(this.#peer, cause as Error));
    try {
      act()?.catch(broke);
    } catch (cause) {
      broke(cause);
    }
  }

  #tick(): void {
    const received = this.#wire.intake.receivedBytes;
    this.#silentTicks = received === this.#receivedAtTick && !this.#holding ? this.#silentTicks + 1 : 0;
    this.#receivedAtTick = received;
    if (this.#silentTicks >= deadAfterTicks) {
      this.fail(lostFault(this.#peer, new Error(`nothing was heard from it for ${deadAfterTicks} s`)));
      return;
    }
    this.#ticks += 1;
    if (this.#sentBytes !== this.#sentAtTick) this.#ticks = 0;
    if (this.#ticks * 1_000 >= pingEveryMs - 1_000 && this.#wire.stream.writableLength === 0) {
      this.send({ type: frameType.ping }).catch(() => undefined);
      this.#ticks = 0;
    }
    this.#sentAtTick = this.#sentBytes;
  }
}

export const lostFault = (peer: string, cause: Error): Fault =>
  new Fault("CONNECTION_LOST", `The connection to ${peer} was lost: ${cause.message}.`, { cause, details: { peer } });
