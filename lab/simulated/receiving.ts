import { Fault } from "#domain/fault.ts";
import type { DiskId, ReplicaId } from "#domain/ids.ts";
import type { BlockSink } from "#transfer/block.ts";
import { blockBytes } from "#transfer/block.ts";
import type { IncomingState, Replica, ReplicaState } from "#transfer/replica.ts";
import { classify } from "./cut-source.ts";
import type { SimulatedHost } from "./host.ts";
import { nextNumber } from "./host.ts";
import { createLayer, readLayers, removeLayer, writeLayer, zeroLayer } from "./layer.ts";
import type { IncomingRecord, ReplicaDisk, ReplicaRecord } from "./records.ts";
import { changeReplica, filesOf, refuseStaleEpoch, replicaOf } from "./replica-record.ts";
import { sealIncoming } from "./seal.ts";

type BeginRequest = Parameters<Replica["begin"]>[0];

/** Opens a replica for receiving: an opening before this one is over. Throws `STALE_EPOCH`, `PEER_NOT_ALLOWED`, `REPLICA_BUSY`. */
export function openReceiving(
  host: SimulatedHost,
  request: { readonly replica: ReplicaId; readonly epoch: number; readonly peerSite: string },
): Replica {
  const opened = changeReplica(host, request.replica, (record, state) => {
    if (record.sourceSite !== request.peerSite)
      throw new Fault(
        "PEER_NOT_ALLOWED",
        `Replica ${record.id} receives from site ${record.sourceSite}, not from ${request.peerSite}.`,
      );
    refuseStaleEpoch(record, request.epoch);
    refuseWhileActive(record);
    return { ...record, epoch: request.epoch, opening: nextNumber(state) };
  });
  return new Receiving(host, request.replica, opened.opening);
}

function refuseWhileActive(record: ReplicaRecord): void {
  const active = record.activations.find(({ kind }) => kind !== "test");
  if (active !== undefined)
    throw new Fault(
      "REPLICA_BUSY",
      `Replica ${record.id} has been failed over (${active.failover}) and receives nothing.`,
    );
}

class Receiving implements Replica {
  readonly #host: SimulatedHost;
  readonly #id: ReplicaId;
  readonly #opening: number;
  #closed = false;

  constructor(host: SimulatedHost, id: ReplicaId, opening: number) {
    this.#host = host;
    this.#id = id;
    this.#opening = opening;
  }

  state(signal: AbortSignal): Promise<ReplicaState> {
    return this.#host.faults("replica.state", signal, () => stateOf(this.#look()));
  }

  begin(request: BeginRequest, signal: AbortSignal): Promise<IncomingState> {
    return this.#host.faults("replica.begin", signal, () => {
      const record = changeReplica(this.#host, this.#id, (before, state) => {
        this.#refuseClosed(before);
        return beginIncoming(this.#host, before, { request, layer: `layer-${nextNumber(state)}` });
      });
      return incomingState(incomingOf(record));
    });
  }

  async sink(disk: DiskId, signal: AbortSignal): Promise<BlockSink> {
    const { sizeBytes } = await this.#host.faults("replica.sink", signal, () => diskOf(this.#look(), disk));
    const incoming = (): readonly [ReturnType<typeof filesOf>, string] => {
      const record = this.#look();
      return [filesOf(this.#host, record), incomingOf(record).layer];
    };
    return {
      sizeBytes,
      write: (offset, data, during) =>
        this.#host.faults("replica.write", during, () => {
          refuseUnaligned({ offset, length: data.length, sizeBytes });
          writeLayer(...incoming(), { disk, offset, data });
        }),
      zero: (offset, length, during) =>
        this.#host.faults("replica.zero", during, () => {
          refuseUnaligned({ offset, length, sizeBytes });
          zeroLayer(...incoming(), { disk, offset, length });
        }),
      flush: (during) => this.#host.faults("replica.flush", during, () => void this.#look()),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async current(disk: DiskId, signal: AbortSignal) {
    const { sizeBytes } = await this.#host.faults("replica.current", signal, () => diskOf(this.#look(), disk));
    const read = (offset: number, into: Uint8Array, during: AbortSignal) =>
      this.#host.faults("replica.read", during, () => {
        const record = this.#look();
        const layers = [...record.layers.map(({ id }) => id), incomingOf(record).layer].reverse();
        readLayers(filesOf(this.#host, record), { newestFirst: layers, disk }, { offset, into });
      });
    return {
      sizeBytes,
      read,
      extents: (options: { readonly from?: number; readonly signal: AbortSignal }) =>
        classify({ sizeBytes, from: options.from ?? 0, signal: options.signal, read }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  checkpoint(disk: DiskId, offset: number, signal: AbortSignal): Promise<void> {
    return this.#host.faults("replica.checkpoint", signal, () => {
      changeReplica(this.#host, this.#id, (record) => {
        this.#refuseClosed(record);
        const incoming = incomingOf(record);
        const reached = Math.max(incoming.resumeOffsets[disk] ?? 0, offset);
        return { ...record, incoming: { ...incoming, resumeOffsets: { ...incoming.resumeOffsets, [disk]: reached } } };
      });
    });
  }

  seal(request: Parameters<Replica["seal"]>[0], signal: AbortSignal): ReturnType<Replica["seal"]> {
    return this.#host.faults("replica.seal", signal, () => {
      this.#look();
      return sealIncoming(this.#host, this.#id, request);
    });
  }

  discardIncoming(signal: AbortSignal): Promise<void> {
    return this.#host.faults("replica.discardIncoming", signal, () => {
      changeReplica(this.#host, this.#id, (record) => {
        this.#refuseClosed(record);
        return dropIncoming(this.#host, record);
      });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #look(): ReplicaRecord {
    const record = this.#host.store.transact((state) => replicaOf(this.#host, state, this.#id));
    this.#refuseClosed(record);
    return record;
  }

  #refuseClosed(record: ReplicaRecord): void {
    if (this.#closed) throw new Fault("REPLICA_BUSY", `Replica ${this.#id} was closed by this receiver.`);
    if (record.opening !== this.#opening)
      throw new Fault(
        "STALE_EPOCH",
        `Replica ${this.#id} was opened by another receiver after this one, which is over.`,
      );
  }
}

function beginIncoming(
  host: SimulatedHost,
  record: ReplicaRecord,
  fresh: { readonly request: BeginRequest; readonly layer: string },
): ReplicaRecord {
  const { request } = fresh;
  if (request.cut.item !== record.item)
    throw new Fault(
      "PEER_NOT_ALLOWED",
      `Replica ${record.id} is item ${record.item}'s; the cut ${request.cut.id} is of item ${request.cut.item}.`,
    );
  if (request.mode === "delta" && (request.base === undefined || request.base !== record.lastCut))
    throw new Fault(
      "RESYNC_REQUIRED",
      `A delta since cut ${request.base} does not fit replica ${record.id}, whose newest cut is ${record.lastCut ?? "not known"}.`,
    );
  const disks = request.cut.disks.map(({ id, sizeBytes }) => ({ id, sizeBytes }));
  const { incoming } = record;
  if (incoming !== undefined && incoming.mode === request.mode && incoming.base === request.base)
    return { ...record, disks, incoming: { ...incoming, cut: request.cut } };
  const emptied = dropIncoming(host, record);
  createLayer(filesOf(host, record), fresh.layer, disks);
  const { mode, base, cut } = request;
  return {
    ...emptied,
    disks,
    incoming: { layer: fresh.layer, mode, ...(base && { base }), firstCut: cut.id, cut, resumeOffsets: {} },
  };
}

function dropIncoming(host: SimulatedHost, record: ReplicaRecord): ReplicaRecord {
  const { incoming, ...rest } = record;
  if (incoming !== undefined) removeLayer(filesOf(host, record), incoming.layer);
  return rest;
}

function diskOf(record: ReplicaRecord, disk: DiskId): ReplicaDisk {
  incomingOf(record);
  const found = record.disks.find(({ id }) => id === disk);
  if (found === undefined) throw new Fault("REPLICA_INVALID", `Replica ${record.id} has no disk ${disk}.`);
  return found;
}

function incomingOf(record: ReplicaRecord): IncomingRecord {
  if (record.incoming === undefined)
    throw new Fault("REPLICA_INVALID", `Replica ${record.id} is not receiving: \`begin\` comes first.`);
  return record.incoming;
}

const incomingState = (incoming: IncomingRecord): IncomingState => ({
  cut: incoming.firstCut,
  mode: incoming.mode,
  ...(incoming.base && { base: incoming.base }),
  resumeOffsets: incoming.resumeOffsets,
});

function stateOf(record: ReplicaRecord): ReplicaState {
  const { id, epoch, lastCut, lastKeptAt, lastAppConsistentAt, incoming, disks, layers } = record;
  return {
    replica: id,
    epoch,
    disks,
    ...(lastCut && { lastCut }),
    ...(lastCut === undefined && layers.length > 0 && { unproven: true }),
    ...(lastKeptAt && { lastKeptAt }),
    ...(lastAppConsistentAt && { lastAppConsistentAt }),
    ...(incoming && { incoming: incomingState(incoming) }),
  };
}

function refuseUnaligned(write: {
  readonly offset: number;
  readonly length: number;
  readonly sizeBytes: number;
}): void {
  const end = write.offset + write.length;
  if (write.offset % blockBytes === 0 && (end % blockBytes === 0 || end === write.sizeBytes) && end <= write.sizeBytes)
    return;
  throw new Fault(
    "INVALID_INPUT",
    `A write of ${write.length} bytes at ${write.offset} is not of whole blocks of ${blockBytes} bytes within ${write.sizeBytes}.`,
  );
}
