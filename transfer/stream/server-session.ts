import { Fault } from "#domain/fault.ts";
import type { KeyedDigest } from "../digest/keyed.ts";
import type { Replica, SealRequest } from "../replica.ts";
import type { FrameChannel } from "./channel.ts";
import { toFaultMessage } from "./fault-message.ts";
import { frameType, maximumMessageBytes } from "./frame.ts";
import { readCall, type Call, type Welcome } from "./messages.ts";
import { Receiving } from "./receiving.ts";

/** The receiving site's end of a session: an open replica, its control connection and any number of connections for copies. */
export class ServerSession {
  readonly site: string;
  readonly epoch: number;
  readonly welcome: Welcome;
  readonly #control: FrameChannel;
  readonly #replica: Replica;
  readonly #digest: KeyedDigest;
  readonly #onEnded: () => void;
  readonly #ended = new AbortController();
  readonly #connections = new Set<Receiving>();
  readonly #calls = new Map<number, AbortController>();
  readonly #running = new Set<Promise<void>>();
  #ending: Promise<void> | undefined;

  constructor(options: {
    readonly control: FrameChannel;
    readonly replica: Replica;
    readonly epoch: number;
    readonly site: string;
    readonly digest: KeyedDigest;
    readonly welcome: Welcome;
    readonly onEnded: () => void;
  }) {
    this.#control = options.control;
    this.#replica = options.replica;
    this.epoch = options.epoch;
    this.site = options.site;
    this.#digest = options.digest;
    this.welcome = options.welcome;
    this.#onEnded = options.onEnded;
  }

  start(): void {
    this.#control.handle(
      {
        frame: (header, payload) => {
          if (header.type === frameType.call) this.#call(header.offset, readCall(payload));
          else if (header.type === frameType.cancel)
            this.#calls.get(header.offset)?.abort(new Fault("CANCELLED", "The sender cancelled the call."));
          else
            throw new Fault(
              "PEER_INCOMPATIBLE",
              `The peer sent a frame of type ${header.type} on the control connection.`,
            );
        },
        lost: (fault) => {
          // A replica that cannot be closed is told to whoever opens it next.
          this.end(fault).catch(() => undefined);
        },
      },
      maximumMessageBytes,
    );
    this.#control.sendJson(frameType.welcome, this.welcome).catch(() => undefined);
  }

  addConnection(channel: FrameChannel): void {
    if (this.#ending !== undefined) {
      channel.fail(new Fault("CONNECTION_LOST", "The session has ended."));
      return;
    }
    const connection: Receiving = new Receiving({
      channel,
      replica: this.#replica,
      digest: this.#digest,
      endEarlier: (copy) => this.#endEarlier(copy),
      onEnded: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }

  /** Ends all work, tells the sender why, and closes the replica. Resolves when nothing writes to it any more. */
  end(fault: Fault): Promise<void> {
    this.#ending ??= this.#end(fault);
    return this.#ending;
  }

  async #end(fault: Fault): Promise<void> {
    this.#ended.abort(fault);
    const message = toFaultMessage(fault);
    this.#control.sendJson(frameType.fault, message).catch(() => undefined);
    this.#control.end(fault);
    for (const call of this.#calls.values()) call.abort(fault);
    await Promise.all([...this.#connections].map((connection) => connection.end(fault)));
    await Promise.allSettled([...this.#running]);
    try {
      await this.#replica[Symbol.asyncDispose]();
    } finally {
      this.#onEnded();
    }
  }

  /** Two connections never write to the same disk: the later one's sender has given the earlier one up. */
  async #endEarlier(copy: { readonly disk: string; readonly number: number }): Promise<void> {
    const reason = new Fault("REPLICA_BUSY", `A newer copy of disk "${copy.disk}" took its place.`);
    const earlier = [...this.#connections].filter(
      ({ copying }) => copying?.disk === copy.disk && copying.number < copy.number,
    );
    await Promise.all(earlier.map((connection) => connection.end(reason)));
  }

  #call(id: number, call: Call): void {
    const cancelled = new AbortController();
    this.#calls.set(id, cancelled);
    const running = (async () => {
      try {
        const value = await this.#perform(call, AbortSignal.any([cancelled.signal, this.#ended.signal]));
        await this.#control.sendJson(frameType.result, { value }, id);
      } catch (cause) {
        await this.#control.sendJson(frameType.result, { fault: toFaultMessage(cause) }, id).catch(() => undefined);
      } finally {
        this.#calls.delete(id);
      }
    })().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #perform(call: Call, signal: AbortSignal): Promise<unknown> {
    switch (call.method) {
      case "state":
        return await this.#replica.state(signal);
      case "begin":
        return await this.#replica.begin(call.request as Parameters<Replica["begin"]>[0], signal);
      case "seal":
        return await this.#replica.seal(call.request as SealRequest, signal);
      case "discardIncoming":
        return await this.#replica.discardIncoming(signal);
    }
  }
}
