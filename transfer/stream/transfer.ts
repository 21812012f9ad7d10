import { Fault } from "#domain/fault.ts";
import { blockBytes, type Extent } from "../block.ts";
import type { KeyedDigest } from "../digest/keyed.ts";
import type { CopyRequest, CopyResult } from "../session.ts";
import type { FrameChannel, FrameHandler } from "./channel.ts";
import type { AdaptiveCompression } from "./compression.ts";
import { differences } from "./differences.ts";
import { PeerDigests } from "./digest-stream.ts";
import { fromFaultMessage } from "./fault-message.ts";
import { frameType } from "./frame.ts";
import { parse, readOpened, type Opened, type TransferMode } from "./messages.ts";
import { alignedRuns } from "./plan.ts";
import { BlockSender } from "./send.ts";
import type { StreamTuning } from "./tuning.ts";

const maximumRunBytes = 1024 * 1024 * 1024;
const progressEveryMs = 200;

/**
 * One copy or resynchronization over a connection of its own. Leaves the connection ready for the next when it succeeds; breaks it off otherwise,
 * so that nothing of a failed or cancelled copy is still under way at either side.
 */
export async function transfer(options: {
  readonly channel: FrameChannel;
  readonly request: CopyRequest;
  readonly mode: TransferMode;
  readonly digest: KeyedDigest;
  readonly compression: AdaptiveCompression;
  readonly tuning: StreamTuning;
}): Promise<CopyResult> {
  const { channel, request, mode, digest, compression, tuning } = options;
  const from = request.from - (request.from % blockBytes);
  const before = channel.sentBytes + channel.receivedBytes;
  const wireBytes = (): number => channel.sentBytes + channel.receivedBytes - before;
  const answers = new Answers({ channel, from, compression, diskBytes: request.source.sizeBytes });
  const cancel = (): void => channel.fail(new Fault("CANCELLED", "The copy was cancelled."));
  request.signal.addEventListener("abort", cancel, { once: true });
  const signal = AbortSignal.any([request.signal, answers.signal]);
  try {
    if (request.signal.aborted) cancel();
    await channel.sendJson(frameType.open, { disk: request.disk, mode, from });
    const { sizeBytes } = await answers.opened;
    if (sizeBytes !== request.source.sizeBytes) throw sizeFault(request, sizeBytes);
    let position = from;
    const report = throttled(progressEveryMs, () =>
      request.onProgress({ bytesDone: position, bytesTotal: sizeBytes, wireBytes: wireBytes() }),
    );
    const advanced = (offset: number): void => {
      position = Math.max(position, offset);
      report();
    };
    const sender = new BlockSender({ channel, digest, request, signal, compression, tuning, onSent: advanced });
    let comparedBytes = 0;
    const onCompared = (offset: number, bytes: number): void => {
      comparedBytes += bytes;
      advanced(offset);
    };
    const runs: AsyncIterable<Extent> =
      mode === "copy"
        ? alignedRuns(request.source, { from, maximumBytes: maximumRunBytes, signal })
        : differences({ source: request.source, peer: answers.peerDigests, digest, from, onCompared, signal });
    await sender.sendRuns(runs);
    await channel.send({ type: frameType.end });
    await answers.done;
    request.onProgress({ bytesDone: sizeBytes, bytesTotal: sizeBytes, wireBytes: wireBytes() });
    return { ...sender.totals, wireBytes: wireBytes(), comparedBytes };
  } catch (cause) {
    // Looked at before the channel is broken off, whose end is nobody's reason.
    const { failure } = answers;
    channel.fail(new Fault("CANCELLED", "The copy ended."));
    request.signal.throwIfAborted();
    throw failure ?? cause;
  } finally {
    request.signal.removeEventListener("abort", cancel);
  }
}

/** What the other side says while a copy runs. */
class Answers {
  readonly peerDigests: PeerDigests;
  readonly #opened = Promise.withResolvers<Opened>();
  readonly #done = Promise.withResolvers<void>();
  readonly #ended = new AbortController();
  #received: number;
  /** The first reason why it cannot go on: the other side's own sentence where it sent one. */
  failure: Fault | undefined;

  constructor(options: {
    readonly channel: FrameChannel;
    readonly from: number;
    readonly compression: AdaptiveCompression;
    readonly diskBytes: number;
  }) {
    const { channel, from, compression, diskBytes } = options;
    this.#opened.promise.catch(() => undefined);
    this.#done.promise.catch(() => undefined);
    this.#received = 0;
    const report = (total: number): void => {
      channel.send({ type: frameType.compared, offset: total }).catch(() => undefined);
    };
    this.peerDigests = new PeerDigests({ from, report });
    const handler: FrameHandler = {
      frame: (header, payload) => {
        if (header.type === frameType.received) {
          // The first acknowledgement counts from what the connection had carried before this copy.
          if (this.#received > 0) compression.received(Math.max(0, header.offset - this.#received), header.count / 100);
          this.#received = header.offset;
        } else if (header.type === frameType.digests || header.type === frameType.zeroDigests) {
          this.peerDigests.arrived({ type: header.type, offset: header.offset, payload }, diskBytes);
        } else if (header.type === frameType.opened) this.#opened.resolve(readOpened(payload));
        else if (header.type === frameType.done) this.#done.resolve();
        else if (header.type === frameType.fault) throw fromFaultMessage(parse(payload));
        else if (header.type !== frameType.checkpointed) {
          throw new Fault("PEER_INCOMPATIBLE", `The peer sent a frame of type ${header.type} in answer to a copy.`);
        }
      },
      lost: (fault) => this.#fail(fault),
    };
    channel.handle(handler);
  }

  get opened(): Promise<Opened> {
    return this.#opened.promise;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Ends all reading for a copy that cannot go on. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  #fail(fault: Fault): void {
    this.failure ??= fault;
    this.#opened.reject(fault);
    this.#done.reject(fault);
    this.peerDigests.fail(fault);
    this.#ended.abort(fault);
  }
}

function throttled(everyMs: number, act: () => void): () => void {
  let last = 0;
  return () => {
    const now = performance.now();
    if (now - last < everyMs) return;
    last = now;
    act();
  };
}

const sizeFault = (request: CopyRequest, sizeBytes: number): Fault =>
  new Fault(
    "REPLICA_INVALID",
    `The replica's disk "${request.disk}" has ${sizeBytes} bytes and the source's ${request.source.sizeBytes}. Begin with a cut that tells the disk's size.`,
    { details: { disk: request.disk } },
  );
