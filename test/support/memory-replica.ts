import { Fault } from "#domain/fault.ts";
import { instant, replicaId, type CutId, type DiskId } from "#domain/ids.ts";
import type { IncomingState, Replica, ReplicaOpener, ReplicaState, SealRequest } from "#transfer/replica.ts";
import { MemorySink, memorySource } from "#test/support/memory-blocks.ts";

/** A replica's disks in memory: what stays when a session ends and the next one opens. */
export class MemoryReplicaStore implements ReplicaOpener {
  readonly sinks = new Map<string, MemorySink>();
  epoch = 0;
  open_ = 0;
  allowedSite: string | undefined;
  incoming: IncomingState | undefined;
  lastCut: CutId | undefined;

  constructor(disks: Readonly<Record<string, number>>) {
    for (const [disk, sizeBytes] of Object.entries(disks))
      this.sinks.set(disk, new MemorySink(Buffer.alloc(sizeBytes)));
  }

  sinkOf(disk: string): MemorySink {
    const sink = this.sinks.get(disk);
    if (sink === undefined) throw new Fault("REPLICA_INVALID", `No disk ${disk}.`);
    return sink;
  }

  open(request: { readonly replica: string; readonly epoch: number; readonly peerSite: string }): Promise<Replica> {
    if (request.replica !== "replica-1")
      return Promise.reject(new Fault("REPLICA_NOT_FOUND", `There is no replica "${request.replica}" here.`));
    if (this.allowedSite !== undefined && request.peerSite !== this.allowedSite) {
      return Promise.reject(new Fault("PEER_NOT_ALLOWED", `Site "${request.peerSite}" may not feed this replica.`));
    }
    if (request.epoch < this.epoch)
      return Promise.reject(new Fault("STALE_EPOCH", `Epoch ${request.epoch} is older than ${this.epoch}.`));
    if (this.open_ > 0) return Promise.reject(new Fault("REPLICA_BUSY", "The replica is open already."));
    this.epoch = request.epoch;
    this.open_ += 1;
    return Promise.resolve(this.#replica());
  }

  #replica(): Replica {
    let closed = false;
    const check = (): void => {
      if (closed) throw new Fault("INTERNAL", "The replica was used after it was closed.");
    };
    return {
      state: async () => {
        check();
        return await Promise.resolve(this.#state());
      },
      begin: async ({ cut, mode, base }) => {
        check();
        const standing = this.incoming;
        if (standing?.mode === mode && standing.base === base) return standing;
        this.incoming = { cut: cut.id, mode, ...(base === undefined ? {} : { base }), resumeOffsets: {} };
        return await Promise.resolve(this.incoming);
      },
      sink: async (disk) => {
        check();
        return await Promise.resolve(this.sinkOf(disk));
      },
      current: async (disk) => {
        check();
        return await Promise.resolve(memorySource(this.sinkOf(disk).content));
      },
      checkpoint: async (disk: DiskId, offset: number) => {
        check();
        if (this.incoming === undefined) throw new Fault("REPLICA_INVALID", "Nothing was begun.");
        this.incoming = { ...this.incoming, resumeOffsets: { ...this.incoming.resumeOffsets, [disk]: offset } };
        await Promise.resolve();
      },
      seal: async (request: SealRequest) => {
        check();
        this.lastCut = request.cut.id;
        this.incoming = undefined;
        return await Promise.resolve({ ...request.cut, sealedAt: instant(0), kept: request.keep, deltaBytes: 0 });
      },
      discardIncoming: async () => {
        check();
        this.incoming = undefined;
        await Promise.resolve();
      },
      [Symbol.asyncDispose]: async () => {
        if (!closed) this.open_ -= 1;
        closed = true;
        await Promise.resolve();
      },
    };
  }

  #state(): ReplicaState {
    return {
      replica: replicaId("replica-1"),
      epoch: this.epoch,
      ...(this.lastCut === undefined ? {} : { lastCut: this.lastCut }),
      ...(this.incoming === undefined ? {} : { incoming: this.incoming }),
      disks: [...this.sinks].map(([id, sink]) => ({ id: id as DiskId, sizeBytes: sink.sizeBytes })),
    };
  }
}
