/** A run of a disk to be carried. `zero` reads as zeroes and is carried without data. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly kind: "data" | "zero";
}

/** Something blocks are read from: a cut's disk, an image, a replica's newest content. */
export interface BlockSource extends AsyncDisposable {
  readonly sizeBytes: number;
  /**
   * What has to be carried, ascending, not overlapping, streamed so that the map of a disk of many TB is never in memory whole.
   * A whole-disk source yields all of the disk (holes as `zero`); a change source yields only what changed, and what became zero.
   * `from` skips everything before that offset.
   */
  extents(options: { readonly from?: number; readonly signal: AbortSignal }): AsyncIterable<Extent>;
  /** Fills `into` from `offset`. Rejects with a Fault. Several reads may be under way at once. */
  read(offset: number, into: Uint8Array, signal: AbortSignal): Promise<void>;
}

/** Something blocks are written to. Writes may be under way in any number and finish in any order; `flush` makes all finished ones durable. */
export interface BlockSink extends AsyncDisposable {
  readonly sizeBytes: number;
  write(offset: number, data: Uint8Array, signal: AbortSignal): Promise<void>;
  zero(offset: number, length: number, signal: AbortSignal): Promise<void>;
  flush(signal: AbortSignal): Promise<void>;
}

/** Both the change tracking's and the comparison's unit. */
export const blockBytes = 65_536;
