import { Fault, isFault } from "#domain/fault.ts";
import type { DiskId } from "#domain/ids.ts";
import { entries } from "./chain.ts";
import { digestHeader } from "./digest-log.ts";
import type { Operation, ReplicaStore } from "./host-store.ts";
import { openIncomingDisk, type IncomingDisk } from "./incoming-disk.ts";
import { startDaemons, type StorageDaemon } from "./storage-daemons.ts";
import type { DigestCoverage, StoredIncoming, StoredReplica } from "./stored-replica.ts";

/** The disks of the delta that is being received, and the storage daemons they are open under, which stay from one delta to the next. */
export interface IncomingDisks {
  /** Starts what daemons are missing and opens every disk of the incoming layer. */
  open(state: StoredReplica, incoming: StoredIncoming, signal: AbortSignal): Promise<void>;
  /** `OPERATION_NOT_ALLOWED` when nothing is open, `INVALID_INPUT` for a disk that is not part of the delta. */
  get(disk: DiskId, replica: string): IncomingDisk;
  all(): readonly (readonly [DiskId, IncomingDisk])[];
  /** The digests that are not stored yet as an operation on the disk's digest file, and the length that leaves it at. They stay until `forgetDigests`. */
  storeDigests(disk: DiskId, incoming: StoredIncoming): { readonly operation: Operation; readonly length: number };
  forgetDigests(disk: DiskId): void;
  coverage(disk: DiskId, incoming: StoredIncoming): DigestCoverage;
  /** Closes the images; what was not stored of their digests is forgotten, as its blocks come again. */
  close(): Promise<void>;
  quit(): Promise<void>;
}

export const openIncomingDisks = (store: ReplicaStore, life: AbortSignal): IncomingDisks => {
  const { host, layout } = store;
  const daemons = new Map<DiskId, StorageDaemon>();
  const unstored = new Map<DiskId, Buffer>();
  let disks = new Map<DiskId, IncomingDisk>();

  const startMissing = async (state: StoredReplica, incoming: StoredIncoming, signal: AbortSignal): Promise<void> => {
    const wanted = Object.keys(incoming.disks) as DiskId[];
    const missing = wanted.filter((disk) => daemons.get(disk)?.qmp.closed !== false);
    if (missing.length === 0) return;
    const started = await startDaemons({ host, layout, replica: state.replica }, missing, signal);
    for (const [disk, daemon] of started) daemons.set(disk, daemon);
  };
  return {
    async open(state, incoming, signal) {
      await startMissing(state, incoming, signal);
      const opened = entries(incoming.disks).map(async ([disk, stored]): Promise<readonly [DiskId, IncomingDisk]> => {
        const daemon = daemons.get(disk);
        if (daemon === undefined)
          throw new Fault("INTERNAL", `Disk ${disk} of replica ${state.replica} has no storage daemon.`);
        const open = await openIncomingDisk({
          disk,
          daemon,
          file: layout.image(disk, incoming.layer),
          sealed: stored.backing < 0 ? undefined : layout.image(disk, stored.backing),
          stored,
          recordReads: incoming.mode === "resynchronize",
          signal: life,
        });
        return [disk, open];
      });
      disks = new Map(await Promise.all(opened));
    },
    get(disk, replica) {
      const found = disks.get(disk);
      if (found !== undefined) return found;
      if (disks.size === 0)
        throw new Fault("OPERATION_NOT_ALLOWED", `Replica ${replica} is not receiving: begin a delta first.`);
      const known = [...disks.keys()].join(", ");
      throw new Fault(
        "INVALID_INPUT",
        `The delta that replica ${replica} receives has no disk ${disk}; it has: ${known}.`,
      );
    },
    all: () => [...disks],
    storeDigests(disk, incoming) {
      const records = Buffer.concat([
        unstored.get(disk) ?? Buffer.alloc(0),
        disks.get(disk)?.recorder.take() ?? Buffer.alloc(0),
      ]);
      unstored.set(disk, records);
      const at = incoming.disks[disk]?.digestBytes ?? 0;
      const bytes = at === 0 ? Buffer.concat([digestHeader(), records]) : records;
      return {
        operation: { kind: "append", path: layout.digests(disk, incoming.layer), at, bytes },
        length: at + bytes.length,
      };
    },
    forgetDigests: (disk) => void unstored.delete(disk),
    coverage: (disk, incoming) =>
      incoming.mode === "resynchronize" && disks.get(disk)?.covered.complete === true ? "complete" : "delta",
    async close() {
      const closing = [...disks.values()];
      disks = new Map();
      unstored.clear();
      // What a dead daemon had open is closed already.
      await Promise.all(closing.map((disk) => disk.close().catch(ignoreLost)));
    },
    async quit() {
      disks = new Map();
      // Through their own monitors: a daemon that another opener has started meanwhile is not touched. They flush what they have.
      await Promise.all(
        [...daemons.values()].map(async (daemon) => {
          if (!daemon.qmp.closed) await daemon.qmp.execute("quit", undefined, { timeoutMs: 10_000 }).catch(ignoreLost);
          await daemon[Symbol.asyncDispose]();
        }),
      );
      daemons.clear();
    },
  };
};

const ignoreLost = (error: unknown): void => {
  if (isFault(error) && error.code === "CONNECTION_LOST") return;
  throw error;
};
