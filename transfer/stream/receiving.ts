import { Fault } from "#domain/fault.ts";
import type { BlockSink, BlockSource } from "../block.ts";
import type { KeyedDigest } from "../digest/keyed.ts";
import type { Replica } from "../replica.ts";
import type { FrameChannel } from "./channel.ts";
import { DigestStream } from "./digest-stream.ts";
import { toFaultMessage } from "./fault-message.ts";
import { frameType } from "./frame.ts";
import { readOpen, type Open } from "./messages.ts";
import { BlockReceiver } from "./receive.ts";

let copiesBegun = 0;

/** One connection for copies at the receiving site: idle, or in the middle of one. */
export class Receiving {
  readonly #channel: FrameChannel;
  readonly #replica: Replica;
  readonly #digest: KeyedDigest;
  readonly #endEarlier: (copy: { readonly disk: string; readonly number: number }) => Promise<void>;
  readonly #onEnded: () => void;
  readonly #ended = new AbortController();
  #open: OpenCopy | undefined;
  #opening: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #copying: { readonly disk: string; readonly number: number } | undefined;

  constructor(options: {
    readonly channel: FrameChannel;
    readonly replica: Replica;
    readonly digest: KeyedDigest;
    /** Ends copies to the same disk that began earlier on other connections. */
    readonly endEarlier: (copy: { readonly disk: string; readonly number: number }) => Promise<void>;
    readonly onEnded: () => void;
  }) {
    this.#channel = options.channel;
    this.#replica = options.replica;
    this.#digest = options.digest;
    this.#endEarlier = options.endEarlier;
    this.#onEnded = options.onEnded;
    this.#channel.handle({
      allocate: (header) =>
        header.type === frameType.blocks ? this.#copy().receiver.allocate(header) : Buffer.allocUnsafe(header.length),
      frame: (header, payload) => {
        if (header.type === frameType.open) {
          this.#opening = this.#begin(readOpen(payload)).catch((cause: unknown) => this.#refuse(cause));
          return this.#opening;
        }
        if (header.type === frameType.compared) {
          this.#copy().digests?.compared(header.offset);
          return undefined;
        }
        return this.#copy().receiver.frame(header, payload);
      },
      lost: (fault) => {
        this.end(fault).catch(() => undefined);
      },
    });
  }

  /** The copy under way; a higher number began later. */
  get copying(): { readonly disk: string; readonly number: number } | undefined {
    return this.#copying;
  }

  /** Ends the copy under way and resolves when nothing of it writes any more. */
  end(fault: Fault): Promise<void> {
    this.#ending ??= this.#end(fault);
    return this.#ending;
  }

  async #end(fault: Fault): Promise<void> {
    this.#ended.abort(fault);
    this.#channel.sendJson(frameType.fault, toFaultMessage(fault)).catch(() => undefined);
    this.#channel.end(fault);
    await this.#opening;
    await this.#close();
    this.#onEnded();
  }

  async #begin(open: Open): Promise<void> {
    await this.#close();
    const signal = this.#ended.signal;
    signal.throwIfAborted();
    this.#copying = { disk: open.disk, number: (copiesBegun += 1) };
    await this.#endEarlier(this.#copying);
    const sink = await this.#replica.sink(open.disk, signal);
    let current: BlockSource | undefined;
    try {
      if (open.mode === "resynchronize") current = await this.#replica.current(open.disk, signal);
    } catch (cause) {
      await sink[Symbol.asyncDispose]();
      throw cause;
    }
    const receiver = new BlockReceiver({
      channel: this.#channel,
      digest: this.#digest,
      sink,
      checkpoint: (offset) => this.#replica.checkpoint(open.disk, offset, signal),
      onFault: (cause) => this.#refuse(cause),
      signal,
    });
    const digests =
      current === undefined ? undefined : new DigestStream({ channel: this.#channel, digest: this.#digest });
    this.#open = { receiver, sink, current, digests, comparing: Promise.resolve() };
    await this.#channel.sendJson(frameType.opened, { sizeBytes: sink.sizeBytes });
    if (current !== undefined && digests !== undefined) {
      this.#open.comparing = digests
        .run(current, { from: open.from, signal })
        .catch((cause: unknown) => this.#refuse(cause));
    }
  }

  #copy(): OpenCopy {
    if (this.#open === undefined) throw new Fault("PEER_INCOMPATIBLE", "The peer sent blocks before it opened a copy.");
    return this.#open;
  }

  async #close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#copying = undefined;
    if (open === undefined) return;
    await open.receiver.settled();
    await open.comparing;
    await Promise.allSettled([open.sink[Symbol.asyncDispose](), open.current?.[Symbol.asyncDispose]()]);
  }

  #refuse(cause: unknown): void {
    const { code, message, details } = toFaultMessage(cause);
    // It never rejects: what ended the copy was told already.
    this.end(new Fault(code, message, { details })).catch(() => undefined);
  }
}

interface OpenCopy {
  readonly receiver: BlockReceiver;
  readonly sink: BlockSink;
  readonly current: BlockSource | undefined;
  readonly digests: DigestStream | undefined;
  comparing: Promise<void>;
}
