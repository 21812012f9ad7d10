import type { CutDescription, RecoveryPoint } from "#domain/cut.ts";
import type { CutId, DiskId, ReplicaId } from "#domain/ids.ts";
import type { BlockSink, BlockSource } from "#transfer/block.ts";

/** What becomes of a cut's blocks once they are all there. */
export interface SealRequest {
  readonly cut: CutDescription;
  /** Keep it as a recovery point of its own; otherwise it only becomes *latest*. */
  readonly keep: boolean;
  /** By the policy: older kept points are thinned by `domain/retention.ts`. */
  readonly retentionSeconds: number;
}

/** The delta that is being received: in no recovery point until sealed. */
export interface IncomingState {
  /**
   * The oldest cut any received block may belong to: the one the first `begin` named. A `begin` with a later cut leaves it (until the later one is sealed,
   * blocks below the resume offset may still be of the first: a sender that dies half-way must not leave a mixture that passes for the later cut).
   * A sender that comes back with a later cut sends again what changed since this one below the resume offset, and everything from there on.
   */
  readonly cut: CutId;
  /** `full`: the whole disk, after which the image stands by itself; `delta`: changes since `base`; `resynchronize`: differences found by digests. */
  readonly mode: IncomingMode;
  readonly base?: CutId;
  /** Per disk: everything below was received and flushed. A disk not listed starts at 0. */
  readonly resumeOffsets: Readonly<Record<DiskId, number>>;
}
export type IncomingMode = "full" | "delta" | "resynchronize";

export interface ReplicaState {
  readonly replica: ReplicaId;
  /** The newest ownership epoch this replica has seen. A caller with an older one is refused (`STALE_EPOCH`). */
  readonly epoch: number;
  /** The newest sealed cut; absent before the first, and when the content cannot be told (after a crash of its machine): then resynchronize. */
  readonly lastCut?: CutId;
  /** It has content, and nobody knows of which cut: a carried copy, or what was left by a crash. Compared with the source, most of it need not be sent. */
  readonly unproven?: boolean;
  readonly lastKeptAt?: string;
  readonly lastAppConsistentAt?: string;
  readonly incoming?: IncomingState;
  readonly disks: readonly { readonly id: DiskId; readonly sizeBytes: number }[];
  /** SHA-256 of the carried files it holds: a cut that names one of these need not bring its content along. */
  readonly files?: readonly string[];
}

/**
 * A replica that is open for receiving, on the worker beside it. Exactly one may be open at a time; a newer epoch's opening ends an older one.
 * Calls after `Symbol.asyncDispose` reject.
 */
export interface Replica extends AsyncDisposable {
  state(signal: AbortSignal): Promise<ReplicaState>;
  /**
   * Starts receiving, or takes the standing incoming delta up again: when one stands with the same mode and base it is kept, with its resume offsets,
   * also when `cut` is a later one. Disks of the cut that are new or larger than the replica's are added or grown.
   * `PEER_NOT_ALLOWED` for a cut of another item.
   */
  begin(
    request: { readonly cut: CutDescription; readonly mode: IncomingMode; readonly base?: CutId },
    signal: AbortSignal,
  ): Promise<IncomingState>;
  /** Where the incoming blocks of one disk go. Writes are multiples of `blockBytes` (but for the disk's end). */
  sink(disk: DiskId, signal: AbortSignal): Promise<BlockSink>;
  /** The disk as it is now with the incoming blocks on top: what a resynchronization compares with. */
  current(disk: DiskId, signal: AbortSignal): Promise<BlockSource>;
  /** Everything of `disk` below `offset` is flushed: durable, and where a resumed transfer starts. An offset below the one already there changes nothing. */
  checkpoint(disk: DiskId, offset: number, signal: AbortSignal): Promise<void>;
  /**
   * Makes the incoming delta the newest recovery point, atomically and durably; thins and merges older ones within the policy.
   * Called again with the same cut it answers the same point.
   */
  seal(request: SealRequest, signal: AbortSignal): Promise<RecoveryPoint>;
  /** Throws the incoming delta away. */
  discardIncoming(signal: AbortSignal): Promise<void>;
}

/** How the stream's server finds the replica a sender asks for. Rejects with `REPLICA_NOT_FOUND`, `STALE_EPOCH`, `PEER_NOT_ALLOWED`. */
export interface ReplicaOpener {
  open(
    request: { readonly replica: ReplicaId; readonly epoch: number; readonly peerSite: string },
    signal: AbortSignal,
  ): Promise<Replica>;
}
