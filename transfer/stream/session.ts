import { Fault } from "#domain/fault.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { digestAlgorithms, type KeyedDigest } from "../digest/keyed.ts";
import type { IncomingState, Replica, ReplicaState, SealRequest } from "../replica.ts";
import type { CopyRequest, CopyResult, ReplicaSession } from "../session.ts";
import type { FrameChannel } from "./channel.ts";
import { AdaptiveCompression } from "./compression.ts";
import { describePeer, openChannel, type PeerAddress } from "./open-channel.ts";
import { ControlCalls } from "./control-calls.ts";
import { hello, protocolVersions, type TransferMode } from "./messages.ts";
import { transfer } from "./transfer.ts";
import type { StreamTuning } from "./tuning.ts";

/** A way there and back longer than this is no local network: compression begins at level 3, not raw. */
const longWayMs = 5;
const longWayStep = 3;

/**
 * The sending site's end of a session. Control calls share one connection; every copy has a connection of its own, so that disks do not hold each
 * other back, and connections are kept for the next copy.
 */
export class StreamSession implements ReplicaSession {
  readonly #peer: PeerAddress;
  readonly #token: string;
  readonly #digest: KeyedDigest;
  readonly #tuning: StreamTuning;
  readonly #calls: ControlCalls;
  readonly #idle: FrameChannel[] = [];
  readonly #busy = new Set<FrameChannel>();
  #closed = false;
  /** Where the last copy's compression ended is where the next one's begins. */
  #compressionStep: number;

  constructor(options: {
    readonly peer: PeerAddress;
    readonly control: FrameChannel;
    readonly token: string;
    readonly digest: KeyedDigest;
    readonly tuning: StreamTuning;
    readonly roundTripMs: number;
  }) {
    this.#peer = options.peer;
    this.#token = options.token;
    this.#digest = options.digest;
    this.#tuning = options.tuning;
    this.#compressionStep = options.roundTripMs > longWayMs ? longWayStep : 0;
    this.#calls = new ControlCalls(options.control, (fault) => this.#lost(fault));
  }

  state(signal: AbortSignal): Promise<ReplicaState> {
    return this.#calls.call<ReplicaState>("state", undefined, signal);
  }

  begin(request: Parameters<Replica["begin"]>[0], signal: AbortSignal): Promise<IncomingState> {
    return this.#calls.call<IncomingState>("begin", request, signal);
  }

  seal(request: SealRequest, signal: AbortSignal): Promise<RecoveryPoint> {
    return this.#calls.call<RecoveryPoint>("seal", request, signal);
  }

  async discardIncoming(signal: AbortSignal): Promise<void> {
    await this.#calls.call("discardIncoming", undefined, signal);
  }

  copy(request: CopyRequest): Promise<CopyResult> {
    return this.#transfer(request, "copy");
  }

  resynchronize(request: CopyRequest): Promise<CopyResult> {
    return this.#transfer(request, "resynchronize");
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const closed = new Fault("CANCELLED", `The session with ${describePeer(this.#peer)} was closed by this side.`);
    for (const channel of this.#idle.splice(0)) channel.end(closed);
    for (const channel of this.#busy) channel.fail(closed);
    this.#calls.end(closed);
    return Promise.resolve();
  }

  async #transfer(request: CopyRequest, mode: TransferMode): Promise<CopyResult> {
    const channel = await this.#takeChannel(request.signal);
    this.#busy.add(channel);
    const compression = new AdaptiveCompression({ step: this.#compressionStep });
    try {
      const result = await transfer({
        channel,
        request,
        mode,
        digest: this.#digest,
        compression,
        tuning: this.#tuning,
      });
      this.#compressionStep = compression.step;
      if (!this.#closed && channel.failure === undefined) this.#idle.push(channel);
      return result;
    } finally {
      this.#busy.delete(channel);
    }
  }

  async #takeChannel(signal: AbortSignal): Promise<FrameChannel> {
    signal.throwIfAborted();
    this.#calls.throwIfLost();
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.failure === undefined) return idle;
    }
    const greeting = hello({ versions: protocolVersions, digests: digestAlgorithms, token: this.#token });
    return (await openChannel({ peer: this.#peer, greeting }, signal)).channel;
  }

  /** The control connection's end is the session's. */
  #lost(fault: Fault): void {
    this.#closed = true;
    for (const channel of [...this.#idle.splice(0), ...this.#busy]) channel.fail(fault);
  }
}
