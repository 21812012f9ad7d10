import type { Consistency } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId, FailoverId, Instant, ItemName, MachineId, ReplicaId } from "#domain/ids.ts";
import type { IncomingMode } from "#transfer/replica.ts";
import type { StoredFile } from "./carried-files.ts";

/** `replica.json`: everything that decides. A file of the replica that it does not name is rubbish of an interrupted step and is removed. */
export interface StoredReplica {
  readonly format: 1;
  /** Raised by every write; a writer that does not know the newest one is refused. */
  readonly revision: number;
  /** No layer up to this number may be merged: a machine runs on them. −1: none. */
  readonly pinnedUpTo: number;
  readonly replica: ReplicaId;
  readonly item: ItemName;
  readonly epoch: number;
  readonly sourceSite: string;
  readonly machine: { readonly id: MachineId; readonly name: string };
  /** Who has it open for receiving; another opener overwrites it, and the first one's next step is refused. */
  readonly opener?: string;
  readonly nextLayer: number;
  /** Sealed, oldest first. */
  readonly layers: readonly StoredLayer[];
  readonly incoming?: StoredIncoming;
  readonly activations: readonly StoredActivation[];
  /** Who reads a point's chain, such as a verification: no merge up to that layer until then. */
  readonly readers?: readonly { readonly id: string; readonly layer: number; readonly until: Instant }[];
  /** Made out of a machine that was here: what it needs to come back as itself. */
  readonly home?: StoredHome;
  /** The machine it was last made of; absent for a replica that was seeded. */
  readonly adopted?: MachineId;
  /** A machine that is being made into this replica. */
  readonly adopting?: StoredAdoption;
  readonly deleting?: true;
}

export interface StoredLayer {
  readonly layer: number;
  /** The cut the image at this layer is exactly equal to, where that is known. */
  readonly cut?: CutId;
  /** Listed as a recovery point. One that is not, and has a layer above it, is merged with that. */
  readonly point: boolean;
  readonly kept: boolean;
  readonly takenAt?: Instant;
  readonly consistency?: Consistency;
  readonly disks: Readonly<Record<DiskId, StoredLayerDisk>>;
  /** What the point carries beside its disks. */
  readonly files?: readonly StoredFile[];
}

/**
 * Which blocks the layer's digest file covers. `delta`: all blocks of this layer, so that the layers beneath speak for the others; `complete`: every block of the disk;
 * `partial`: the layer has blocks without a digest, so that the files beneath count no more.
 */
export type DigestCoverage = "delta" | "complete" | "partial";

export interface StoredLayerDisk {
  readonly sizeBytes: number;
  /** The layer beneath; −1: none, this image stands by itself. */
  readonly backing: number;
  readonly digests: DigestCoverage;
}

export interface StoredIncoming {
  readonly layer: number;
  readonly cut: CutId;
  readonly mode: IncomingMode;
  readonly base?: CutId;
  readonly disks: Readonly<Record<DiskId, StoredIncomingDisk>>;
}

export interface StoredIncomingDisk {
  readonly sizeBytes: number;
  readonly backing: number;
  readonly resumeOffset: number;
  /** The valid length of its digest file: what is behind it was written by a worker that died. */
  readonly digestBytes: number;
  /** Bytes of data received up to the last checkpoint. */
  readonly dataBytes: number;
  /** Resynchronization: every block below has its digest recorded, written or not. */
  readonly coveredBytes: number;
}

/**
 * `preparing`: nothing of the guest has run, all of it may be made anew. `starting`: the guest may have run: its overlays are kept whatever happens.
 * `discarding`: being taken away.
 */
export type ActivationPhase = "preparing" | "starting" | "running" | "committed" | "discarding";

export interface StoredActivation {
  readonly failover: FailoverId;
  readonly kind: "test" | "planned" | "unplanned";
  readonly phase: ActivationPhase;
  readonly point: CutId;
  readonly layer: number;
  readonly machine: MachineId;
  readonly machineName: string;
  readonly epoch: number;
  /** The private bridge made for it. */
  readonly bridge?: string;
  /** Per disk: the file the machine writes, and the layer's file beneath it. */
  readonly overlays: Readonly<Record<DiskId, { readonly file: string; readonly backing: string }>>;
  /** Where a UEFI machine keeps its firmware's variables here. */
  readonly nvram?: string;
  /** Whether the host is to start it by itself; absent for a test, and where the point does not say. */
  readonly autostart?: boolean;
  /** What is not as it was at the source, for people. */
  readonly warnings?: readonly string[];
}

export interface StoredHome {
  readonly machine: MachineId;
  readonly name: string;
  /** Where each disk was: where its overlay is put when the machine comes back. */
  readonly files: Readonly<Record<DiskId, string>>;
  /** Where its firmware's variables were. */
  readonly nvram?: string;
  /** Its disks that are not replicated: they wait here for it. */
  readonly excluded?: readonly ExcludedDisk[];
}

export interface ExcludedDisk {
  readonly id: DiskId;
  /** Its file or block device; absent for one on other storage. */
  readonly path?: string;
  /** The element of the machine's definition. */
  readonly xml: string;
}

export interface StoredAdoption {
  readonly machine: MachineId;
  readonly name: string;
  /** The cut that its disks are said to be equal to. It counts only once that is proven. */
  readonly content?: CutId;
  /** Whether its disks were found to be that cut when nobody could start the machine any more; absent: nobody has looked yet. */
  readonly proven?: boolean;
  /** The files of the activations it ran as; removed when it is done. */
  readonly folders: readonly string[];
  /** Its disks become this layer. */
  readonly layer: number;
  readonly nvram?: string;
  readonly excluded?: readonly ExcludedDisk[];
  readonly disks: Readonly<
    Record<DiskId, { readonly file: string; readonly sizeBytes: number; readonly backing: number }>
  >;
}

/** Pretty-printed: the scripts on the host read `revision` and `pinnedUpTo` from lines of their own, two blanks deep, where no value can pose as one. */
export const serializeReplica = (state: StoredReplica): string => `${JSON.stringify(state, undefined, 2)}\n`;

/** Reads `replica.json`. Rejects a text that is none with `REPLICA_INVALID`, and a newer format with the version needed. */
export const parseReplica = (text: string, where: string): StoredReplica => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Fault(
      "REPLICA_INVALID",
      `${where} is not valid JSON: restore it from a copy, or delete the replica and protect the machine anew.`,
      { cause },
    );
  }
  const state = value as Partial<StoredReplica> | null;
  if (state?.format !== 1)
    throw new Fault(
      "REPLICA_INVALID",
      `${where} has format ${String(state?.format)}, and this version of understudy reads format 1: use the version that wrote it.`,
    );
  if (
    !Array.isArray(state.layers) ||
    !Array.isArray(state.activations) ||
    typeof state.revision !== "number" ||
    typeof state.epoch !== "number"
  )
    throw new Fault(
      "REPLICA_INVALID",
      `${where} lacks its layers, activations, revision or epoch: restore it from a copy, or delete the replica and protect the machine anew.`,
    );
  return state as StoredReplica;
};
