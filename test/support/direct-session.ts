import type { ReplicaOpener } from "#transfer/replica.ts";
import type { ConnectReplica, CopyRequest, CopyResult, ReplicaSession } from "#transfer/session.ts";
import type { Replica } from "#transfer/replica.ts";
import { blockBytes } from "#transfer/block.ts";

/** What went over the imaginary wire, over all sessions. */
export interface DirectWire {
  dataBytes: number;
  sessions: number;
}

/**
 * A session to a replica in the same process, without a network between: for tests of what is sent, not of how. Checkpoints after every `checkpointBlocks`, so that
 * interrupted transfers have something to go on from.
 */
export function connectDirectly(options: {
  readonly opener: ReplicaOpener;
  readonly peerSite: string;
  readonly checkpointBlocks?: number;
  readonly wire?: DirectWire;
}): ConnectReplica {
  return async ({ replica: id, epoch }, signal) => {
    const replica = await options.opener.open({ replica: id, epoch, peerSite: options.peerSite }, signal);
    const wire = options.wire ?? { dataBytes: 0, sessions: 0 };
    wire.sessions += 1;
    const session: ReplicaSession = {
      state: (during) => replica.state(during),
      begin: (request, during) => replica.begin(request, during),
      discardIncoming: (during) => replica.discardIncoming(during),
      seal: (request, during) => replica.seal(request, during),
      copy: (request) => carry({ replica, wire, request, every: options.checkpointBlocks ?? 4, compare: false }),
      resynchronize: (request) =>
        carry({ replica, wire, request, every: options.checkpointBlocks ?? 4, compare: true }),
      [Symbol.asyncDispose]: () => replica[Symbol.asyncDispose](),
    };
    return session;
  };
}

async function carry(of: {
  readonly replica: Replica;
  readonly wire: DirectWire;
  readonly request: CopyRequest;
  readonly every: number;
  readonly compare: boolean;
}): Promise<CopyResult> {
  const { replica, wire, request } = of;
  const { disk, source, signal } = request;
  await using sink = await replica.sink(disk, signal);
  await using current = await replica.current(disk, signal);
  const total = { dataBytes: 0, zeroBytes: 0, wireBytes: 0, comparedBytes: 0 };
  let blocks = 0;
  for await (const extent of source.extents({ from: request.from, signal })) {
    for (let offset = extent.offset; offset < extent.offset + extent.length; offset += blockBytes) {
      const data = new Uint8Array(Math.min(blockBytes, extent.offset + extent.length - offset));
      if (extent.kind === "data") await source.read(offset, data, signal);
      if (of.compare) total.comparedBytes += data.length;
      if (of.compare && (await holds(current, { offset, data, signal }))) continue;
      await (extent.kind === "data" ? sink.write(offset, data, signal) : sink.zero(offset, data.length, signal));
      total[extent.kind === "data" ? "dataBytes" : "zeroBytes"] += data.length;
      total.wireBytes += extent.kind === "data" ? data.length : 16;
      if (extent.kind === "data") wire.dataBytes += data.length;
      request.onProgress({
        bytesDone: offset + data.length - request.from,
        bytesTotal: source.sizeBytes - request.from,
        wireBytes: total.wireBytes,
      });
      blocks += 1;
      if (blocks % of.every !== 0) continue;
      await sink.flush(signal);
      await replica.checkpoint(disk, offset + data.length, signal);
    }
  }
  await sink.flush(signal);
  await replica.checkpoint(disk, source.sizeBytes, signal);
  return total;
}

async function holds(
  current: Awaited<ReturnType<Replica["current"]>>,
  at: { readonly offset: number; readonly data: Uint8Array; readonly signal: AbortSignal },
): Promise<boolean> {
  const there = new Uint8Array(at.data.length);
  await current.read(at.offset, there, at.signal);
  return Buffer.from(there).equals(at.data);
}
