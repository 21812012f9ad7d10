import type { CutId, DiskId, Instant, ItemName } from "#domain/ids.ts";

export type Consistency = "crash-consistent" | "app-consistent";

export interface CutDisk {
  readonly id: DiskId;
  readonly sizeBytes: number;
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
}

/** A cut that the replica has whole, durable, and can boot: what one can fail over to. */
export interface RecoveryPoint extends CutDescription {
  /** When the replica sealed it, by the replica's clock. */
  readonly sealedAt: Instant;
  /** Kept by the policy's frequency; `false` only for the newest whole delta, which *latest* means. */
  readonly kept: boolean;
  /** Bytes of data (uncompressed) that this point's delta carried. */
  readonly deltaBytes: number;
}

/** What a failover may ask for (Azure Site Recovery's names). */
export type PointSelector =
  | { readonly kind: "latest" }
  | { readonly kind: "latest-processed" }
  | { readonly kind: "latest-crash-consistent" }
  | { readonly kind: "latest-app-consistent" }
  | { readonly kind: "custom"; readonly pointId: CutId };
