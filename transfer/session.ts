import type { RecoveryPoint } from "#domain/cut.ts";
import type { DiskId, ReplicaId } from "#domain/ids.ts";
import type { BlockSource } from "#transfer/block.ts";
import type { Replica, ReplicaOpener, SealRequest } from "#transfer/replica.ts";

/** A site's certificate and key (PEM) and the authority all sites trust. */
export interface SiteTls {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

export { siteServerName } from "#domain/site-server-name.ts";

export interface CopyProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly wireBytes: number;
}
export interface CopyResult {
  /** Uncompressed bytes of the blocks sent. */
  readonly dataBytes: number;
  readonly zeroBytes: number;
  /** Bytes on the wire in both directions, TLS records excluded. */
  readonly wireBytes: number;
  /** Bytes compared by digest (resynchronization only). */
  readonly comparedBytes: number;
}
export interface CopyRequest {
  readonly disk: DiskId;
  readonly source: BlockSource;
  /** Everything before it is there already (`IncomingState.resumeOffsets`). */
  readonly from: number;
  /** Asked again while the copy runs, so that windows and changed policies take effect; undefined: no limit. */
  readonly bytesPerSecond: () => number | undefined;
  readonly compression: "adaptive" | "off";
  readonly onProgress: (progress: CopyProgress) => void;
  readonly signal: AbortSignal;
}

/** A replica at another site, reached over the mutual-TLS stream. All of `Replica`'s promises hold; blocks are carried by the two verbs below. */
export interface ReplicaSession extends Pick<Replica, "state" | "begin" | "discardIncoming">, AsyncDisposable {
  /** Streams the source's extents into the incoming delta, checkpointing as it goes. Resolves when the last is flushed at the other side. */
  copy(request: CopyRequest): Promise<CopyResult>;
  /** Compares by digests computed at both sides and streams only blocks that differ. */
  resynchronize(request: CopyRequest): Promise<CopyResult>;
  seal(request: SealRequest, signal: AbortSignal): Promise<RecoveryPoint>;
}

/** Rejects with `PEER_UNREACHABLE`, `TLS_FAILED`, `PEER_NOT_ALLOWED`, `PEER_INCOMPATIBLE`, `STALE_EPOCH`, `REPLICA_NOT_FOUND`. */
export type ConnectReplica = (
  request: {
    readonly address: string;
    readonly port: number;
    /** The site that is expected to answer. */
    readonly site: string;
    readonly tls: SiteTls;
    readonly replica: ReplicaId;
    readonly epoch: number;
  },
  signal: AbortSignal,
) => Promise<ReplicaSession>;

export interface ReplicaServer extends AsyncDisposable {
  readonly port: number;
  /** Shows and trusts these to connections that come from here on; standing ones stay. Throws when they cannot be used, and goes on with those before. */
  renew(tls: SiteTls): void;
}
export type ServeReplicas = (request: {
  readonly address: string;
  readonly port: number;
  readonly tls: SiteTls;
  readonly opener: ReplicaOpener;
}) => Promise<ReplicaServer>;
