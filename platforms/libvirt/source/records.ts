import type { CutId, DiskId, ItemName, MachineId } from "#domain/ids.ts";
import type { TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import type { Bitmap, BlockGraph } from "./block-graph.ts";
import { imageMark, parseRecordName, type TrackingRecord } from "./tracking-record.ts";

/** A record as QEMU or the image has it. */
export interface FoundRecord extends TrackingRecord {
  readonly bitmap: string;
}

/**
 * The item's records that prove what changed: in the image that is written to now, stored with it, whole, and recording. An `inconsistent` one was in use when
 * QEMU died; one that does not record has missed writes; one that was begun in
 * another image (a snapshot was taken above it, or it was copied) has missed what was written there.
 */
export const provenRecords = (
  image: RecordedImage,
  tracked: Pick<TrackedMachine, "item" | "epoch">,
): readonly FoundRecord[] =>
  image.bitmaps.flatMap((bitmap) => {
    const record = parseRecordName(bitmap.name);
    const proven = bitmap.persistent && bitmap.recording && !bitmap.inconsistent;
    if (record === undefined || !proven || record.item !== tracked.item || record.epoch > tracked.epoch) return [];
    return record.image === imageMark(image.path) ? [{ ...record, bitmap: bitmap.name }] : [];
  });

/** The image a disk writes to, and the bitmaps in it. */
export interface RecordedImage {
  readonly path: string;
  readonly bitmaps: readonly Bitmap[];
}

/** What a standing cut answers: per disk, the cuts since which all changes are known. */
export const trackedSince = (
  disks: readonly (RecordedImage & { readonly id: DiskId })[],
  tracked: TrackedMachine,
  standing: CutId,
): Readonly<Record<DiskId, readonly CutId[]>> =>
  Object.fromEntries(
    disks.map(({ id, ...image }) => [
      id,
      provenRecords(image, tracked)
        .map(({ cut }) => cut)
        .filter((cut) => cut !== standing),
    ]),
  );

/** Takes an item's records out of every image QEMU may write to, but for those of `keep`. */
export const forgetRecords = async (
  host: HostConnection,
  request: {
    readonly machine: MachineId;
    readonly item: ItemName;
    readonly graph: BlockGraph;
    readonly keep: readonly CutId[];
  },
  signal: AbortSignal,
): Promise<void> => {
  const { machine, item, graph, keep } = request;
  const gone = [...graph.nodes.values()]
    .filter(({ readOnly }) => !readOnly)
    .flatMap((node) =>
      node.bitmaps.flatMap(({ name }) => {
        const record = parseRecordName(name);
        return record === undefined || record.item !== item || keep.includes(record.cut)
          ? []
          : [{ type: "block-dirty-bitmap-remove", data: { node: node.name, name } }];
      }),
    );
  if (gone.length === 0) return;
  await host.monitor(machine, [{ execute: "transaction", arguments: { actions: gone } }], {
    signal,
    timeoutMs: 30_000,
    purpose: `forget old records of machine ${machine}`,
  });
};
