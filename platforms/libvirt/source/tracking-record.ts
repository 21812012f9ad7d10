import { createHash } from "node:crypto";
import { cutId, itemName, type CutId, type ItemName } from "#domain/ids.ts";

/**
 * The record "changes since this cut" of one disk: a persistent dirty bitmap in the image of its active layer, enabled from before the cut's instant until it is
 * forgotten, so that whoever writes to that image with QEMU, online or offline, adds to it. Everything that must be known of it is in its name, because
 * the name lives and dies with the bits.
 */
export interface TrackingRecord {
  readonly item: ItemName;
  readonly epoch: number;
  readonly cut: CutId;
  /** The disk's size when the record began: what was added since by growing the disk is in no bitmap. */
  readonly sizeBytes: number;
  /**
   * Digest of the path of the image it was begun in (`imageMark`). libvirt copies the names of bitmaps into the overlay when it takes a snapshot, where they
   * begin anew: only in its own image does a record prove anything.
   */
  readonly image: string;
}

export const imageMark = (path: string): string => createHash("sha256").update(path).digest("hex").slice(0, 8);

const prefix = "understudy";

/**
 * The bitmap's name: `understudy:<item>:<epoch>:<cut>:<size>:<image>`; item and cut are escaped where they contain a colon. `imagePath` is the image's path as the
 * machine's definition has it.
 */
export const recordName = (record: Omit<TrackingRecord, "image"> & { readonly imagePath: string }): string =>
  [
    prefix,
    encodeURIComponent(record.item),
    record.epoch.toString(),
    encodeURIComponent(record.cut),
    record.sizeBytes.toString(),
    imageMark(record.imagePath),
  ].join(":");

/** Undefined for every other bitmap: a backup tool's, a libvirt checkpoint's. */
export const parseRecordName = (name: string): TrackingRecord | undefined => {
  const match = /^understudy:([^:]+):(\d+):([^:]+):(\d+):([0-9a-f]{8})$/.exec(name);
  if (match === null) return undefined;
  const [, item = "", epoch = "", cut = "", sizeBytes = "", image = ""] = match;
  return {
    item: itemName(decodeURIComponent(item)),
    epoch: Number(epoch),
    cut: cutId(decodeURIComponent(cut)),
    sizeBytes: Number(sizeBytes),
    image,
  };
};

/** Finer costs memory (1 bit a granule), coarser costs bandwidth. Equals `blockBytes` of the transfer. */
export const recordGranularity = 65_536;
