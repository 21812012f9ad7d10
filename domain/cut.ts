import type { CutId, DiskId, Instant, ItemName } from "#domain/ids.ts";

export type Consistency = "crash-consistent" | "app-consistent";

export interface CutDisk {
  readonly id: DiskId;
  readonly sizeBytes: number;
}

/**
 * A small file that belongs to a machine beside its disks and its definition, such as the store of its firmware's variables. Never part of a listed point: what
 * is in it is the machine's own affair.
 */
export interface CarriedFile {
  /** What it is to the platform, one of each (libvirt: `nvram`): lower-case letters. */
  readonly role: string;
  readonly sizeBytes: number;
  /** Of the content, in hexadecimal digits. */
  readonly sha256: string;
  /** The content, by gzip, in base64; absent on the way to a replica that has it already. */
  readonly content?: string;
}

/** One instant of a machine over all its replicated disks, as it travels from the source to the replica. */
export interface CutDescription {
  readonly id: CutId;
  readonly item: ItemName;
  /** The ownership epoch under which it was taken. */
  readonly epoch: number;
  /** By the source's clock. */
  readonly takenAt: Instant;
  readonly consistency: Consistency;
  readonly disks: readonly CutDisk[];
  /** The platform's text of the machine at that instant (libvirt: domain XML). */
  readonly definition: string;
  readonly files?: readonly CarriedFile[];
}

/** A cut that the replica has whole, durable, and can boot: what one can fail over to. */
export interface RecoveryPoint extends Omit<CutDescription, "files"> {
  /** When the replica sealed it, by the replica's clock. */
  readonly sealedAt: Instant;
  /** Kept by the policy's frequency; `false` only for the newest whole delta, which *latest* means. */
  readonly kept: boolean;
  /** Bytes of data (uncompressed) that this point's delta carried. */
  readonly deltaBytes: number;
}

/** A point as it is told outside of the site that has it: a definition may hold secrets. */
export type ListedPoint = Omit<RecoveryPoint, "definition">;

/** What a failover may ask for (Azure Site Recovery's names). */
export type PointSelector =
  | { readonly kind: "latest" }
  | { readonly kind: "latest-processed" }
  | { readonly kind: "latest-crash-consistent" }
  | { readonly kind: "latest-app-consistent" }
  | { readonly kind: "custom"; readonly pointId: CutId };
