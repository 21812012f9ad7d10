import type { CutDescription } from "#domain/cut.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import { thin, type ChainLimit } from "#domain/retention.ts";
import type { StoredFile } from "./carried-files.ts";
import type { DigestCoverage, StoredIncoming, StoredLayer, StoredLayerDisk, StoredReplica } from "./stored-replica.ts";

/** The newest sealed layer. */
export const newestLayer = (state: StoredReplica): StoredLayer | undefined => state.layers.at(-1);

/** The cut the newest content is exactly equal to, if that is known: where a delta may start. */
export const lastCut = (state: StoredReplica): CutId | undefined => newestLayer(state)?.cut;

export const layerOfPoint = (state: StoredReplica, cut: CutId): StoredLayer | undefined =>
  state.layers.find((layer) => layer.point && layer.cut === cut);

/**
 * Turns the incoming delta into the newest layer. The one before goes from the list unless it is kept; older kept ones go by the retention rule. None that a machine is
 * being made of, or runs on: whoever takes that up after a failure finds its point.
 */
export const withSealed = (
  state: StoredReplica,
  request: {
    readonly cut: CutDescription;
    readonly keep: boolean;
    readonly retentionSeconds: number;
    readonly nowMs: number;
    readonly digests: Readonly<Record<DiskId, DigestCoverage>>;
    readonly incoming: StoredIncoming;
    readonly files?: readonly StoredFile[];
  },
): { readonly state: StoredReplica; readonly forgotten: readonly CutId[] } => {
  const { cut, incoming } = request;
  const sealed: StoredLayer = {
    layer: incoming.layer,
    cut: cut.id,
    point: true,
    kept: request.keep,
    takenAt: cut.takenAt,
    consistency: cut.consistency,
    disks: Object.fromEntries(
      Object.entries(incoming.disks).map(([disk, { sizeBytes, backing }]) => [
        disk,
        { sizeBytes, backing, digests: request.digests[disk as DiskId] ?? "partial" },
      ]),
    ),
    ...(request.files !== undefined && request.files.length > 0 && { files: request.files }),
  };
  const held = state.layers.filter((layer) => layer.point && !layer.kept).map((layer) => layer.layer);
  const kept = [...state.layers, sealed].flatMap((layer) =>
    layer.point &&
    layer.kept &&
    layer.cut !== undefined &&
    layer.takenAt !== undefined &&
    layer.consistency !== undefined
      ? [{ id: layer.cut, takenAt: layer.takenAt, consistency: layer.consistency, layer: layer.layer }]
      : [],
  );
  const thinned = request.keep ? thin(kept, request.nowMs, request.retentionSeconds, limit(state, kept)) : [];
  const used = new Set(state.activations.map(({ layer }) => layer));
  const going = new Set([...held, ...thinned.map((point) => point.layer)].filter((layer) => !used.has(layer)));
  const { incoming: _taken, ...rest } = state;
  return {
    state: {
      ...rest,
      layers: [...state.layers.map((layer) => (going.has(layer.layer) ? { ...layer, point: false } : layer)), sealed],
    },
    forgotten: state.layers.flatMap((layer) => (going.has(layer.layer) && layer.cut !== undefined ? [layer.cut] : [])),
  };
};

/** Layers that a machine or a reader stands on are not merged: those that are no kept points (any more) take room, and for those that are none is made by their going. */
const limit = (state: StoredReplica, kept: readonly { readonly id: CutId; readonly layer: number }[]): ChainLimit => {
  const standing = new Set(kept.filter(({ layer }) => layer <= state.pinnedUpTo).map(({ id }) => id));
  const others = state.layers.filter(({ layer }) => layer <= state.pinnedUpTo).length - standing.size;
  return { points: maxPoints - others, isFixed: ({ id }) => standing.has(id) };
};

/** Longer chains are slow: at 60 layers a point took 110 ms and 31 MB, at 195 opening it took 14 s. One layer is left for the newest delta. */
const maxPoints = 47;

/** A layer that is no point any more and the complete one above it, which readers go through until both are one. */
export interface Merge {
  readonly lower: StoredLayer;
  readonly upper: StoredLayer;
}

/** What is to be merged next; the newest first, as that is small and is what a failover would boot. Layers a machine runs on wait. */
export const nextMerge = (state: StoredReplica): Merge | undefined => {
  for (let index = state.layers.length - 2; index >= 0; index -= 1) {
    const lower = state.layers[index];
    const upper = state.layers[index + 1];
    if (lower === undefined || upper === undefined) continue;
    if (!lower.point && lower.layer > state.pinnedUpTo) return { lower, upper };
  }
  return undefined;
};

/** Whether the image of `disk` in the lower layer is continued by the upper one's; otherwise nothing reads it any more once its point is gone. */
export const isContinued = ({ lower, upper }: Merge, disk: DiskId): boolean =>
  upper.disks[disk]?.backing === lower.layer && lower.disks[disk] !== undefined;

/** The chain once the host has merged the two. The result has the upper's number and files, so that nothing above it changes. */
export const withMerged = (state: StoredReplica, merge: Merge): StoredReplica => {
  const disks: Record<DiskId, StoredLayerDisk> = {};
  for (const [disk, upper] of entries(merge.upper.disks)) {
    const lower = isContinued(merge, disk) ? merge.lower.disks[disk] : undefined;
    disks[disk] =
      lower === undefined
        ? upper
        : { ...upper, backing: lower.backing, digests: upper.digests === "delta" ? lower.digests : upper.digests };
  }
  return {
    ...state,
    layers: state.layers.flatMap((layer) => {
      if (layer.layer === merge.lower.layer) return [];
      return layer.layer === merge.upper.layer ? [{ ...layer, disks }] : [layer];
    }),
  };
};

/** The layers that make up `disk` at `top`, uppermost first. */
export const chainOf = (state: StoredReplica, top: number, disk: DiskId): readonly StoredLayer[] => {
  const chain: StoredLayer[] = [];
  for (let next = top; next >= 0;) {
    const layer = state.layers.find((candidate) => candidate.layer === next);
    const held = layer?.disks[disk];
    if (layer === undefined || held === undefined) break;
    chain.push(layer);
    next = held.backing;
  }
  return chain;
};

/** The entries of a record by disk, with their type. */
export const entries = <Value>(record: Readonly<Record<DiskId, Value>>): readonly (readonly [DiskId, Value])[] =>
  Object.entries(record) as [DiskId, Value][];
