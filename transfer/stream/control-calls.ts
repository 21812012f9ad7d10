import { Fault } from "#domain/fault.ts";
import type { FrameChannel } from "./channel.ts";
import { fromFaultMessage } from "./fault-message.ts";
import { frameType, maximumMessageBytes } from "./frame.ts";
import { parse, type ControlMethod } from "./messages.ts";

/** Calls and their results over the control connection, any number at a time. */
export class ControlCalls {
  readonly #channel: FrameChannel;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(cause: unknown): void }>();
  #lastId = 0;
  #failure: Fault | undefined;

  constructor(channel: FrameChannel, onLost: (fault: Fault) => void) {
    this.#channel = channel;
    channel.handle(
      {
        frame: (header, payload) => {
          if (header.type === frameType.fault) throw fromFaultMessage(parse(payload));
          if (header.type !== frameType.result)
            throw new Fault("PEER_INCOMPATIBLE", `The peer sent a frame of type ${header.type} in answer to a call.`);
          this.#answered(header.offset, parse(payload));
        },
        lost: (fault) => {
          this.#failure = fault;
          const waiting = [...this.#waiting.values()];
          this.#waiting.clear();
          for (const call of waiting) call.reject(fault);
          onLost(fault);
        },
      },
      maximumMessageBytes,
    );
  }

  throwIfLost(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** An abort is told to the peer, which aborts the call there; it is not waited for. */
  async call<Answer>(method: ControlMethod, request: unknown, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    this.throwIfLost();
    const id = (this.#lastId += 1);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const abort = (): void => {
      this.#waiting.delete(id);
      this.#channel.send({ type: frameType.cancel, offset: id }).catch(() => undefined);
      reject(signal.reason);
    };
    this.#waiting.set(id, { resolve, reject });
    signal.addEventListener("abort", abort, { once: true });
    this.#channel.sendJson(frameType.call, { method, request }, id).catch(reject);
    try {
      return (await promise) as Answer;
    } finally {
      this.#waiting.delete(id);
      signal.removeEventListener("abort", abort);
    }
  }

  end(fault: Fault): void {
    this.#channel.end(fault);
  }

  #answered(id: number, message: Readonly<Record<string, unknown>>): void {
    const call = this.#waiting.get(id);
    if (message["fault"] === undefined) call?.resolve(message["value"]);
    else call?.reject(fromFaultMessage(message["fault"]));
  }
}
