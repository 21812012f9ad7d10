import type { ReplicaId } from "#domain/ids.ts";
import type { SimulatedHost } from "./host.ts";
import { absent, copyLayer, layerMap, removeLayer } from "./layer.ts";
import type { LayerRecord, ReplicaRecord } from "./records.ts";
import { allDisks, changeReplica, filesOf, replicaOf } from "./replica-record.ts";

/**
 * Merges each layer that is in no point with the one above it. Killed at any moment the points read the same: going up only fills blocks the upper layer
 * would have read from the lower one anyway; going down only alters a layer nobody reads by itself.
 */
export function mergeLayers(host: SimulatedHost, id: ReplicaId): void {
  for (;;) {
    const record = host.store.transact((state) => replicaOf(host, state, id));
    if (record.activations.some(({ state }) => state === "preparing")) return;
    const index = record.layers.findIndex((layer, at) => layer.point === undefined && at < record.layers.length - 1);
    const lower = record.layers[index];
    const upper = record.layers[index + 1];
    if (lower === undefined || upper === undefined) return;
    merge(host, record, { lower, upper });
  }
}

function merge(
  host: SimulatedHost,
  record: ReplicaRecord,
  pair: { readonly lower: LayerRecord; readonly upper: LayerRecord },
): void {
  const { lower, upper } = pair;
  const files = filesOf(host, record);
  const disks = allDisks(record);
  const blocks = (layer: string): number =>
    disks.flatMap((disk) => [...layerMap(files, layer, disk)]).filter((state) => state !== absent).length;
  const upwards = blocks(lower.id) < blocks(upper.id);
  if (upwards) copyLayer(files, { from: lower.id, to: upper.id, which: "missing" }, disks);
  else copyLayer(files, { from: upper.id, to: lower.id, which: "all" }, disks);
  const gone = upwards ? lower.id : upper.id;
  const joint: LayerRecord = { ...upper, id: upwards ? upper.id : lower.id };
  changeReplica(host, record.id, (now) => ({
    ...now,
    layers: now.layers.flatMap((layer) => (layer.id === upper.id ? [joint] : layer.id === lower.id ? [] : [layer])),
  }));
  removeLayer(files, gone);
}
