import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import type { DiskId, ReplicaId } from "#domain/ids.ts";
import { blockBytes } from "#transfer/block.ts";
import { blockCount, blockRange, blocksOf } from "./blocks.ts";
import { layerDir, layerPath } from "./paths.ts";
import type { ReplicaDisk } from "./records.ts";
import { createSparse, readSparse, writeSparse } from "./sparse-file.ts";

/** What a layer says of a block: nothing (the layer below does), data, or zeroes. */
export const absent = 0;
export const data = 1;
export const zero = 2;

const digestBytes = 16;
export const digest = (block: Uint8Array): Uint8Array =>
  createHash("sha256").update(block).digest().subarray(0, digestBytes);

/** A replica's layers as files: content, one byte per block that says what is there, and a digest per block. */
export interface LayerFiles {
  readonly dir: string;
  readonly replica: ReplicaId;
}

const mapPath = (path: string): string => `${path}.map`;
const digestPath = (path: string): string => `${path}.digests`;
const pathOf = (files: LayerFiles, layer: string, disk: DiskId): string =>
  layerPath(files.dir, files.replica, layer, disk);

export function createLayer(files: LayerFiles, layer: string, disks: readonly ReplicaDisk[]): void {
  for (const disk of disks) createSparse(pathOf(files, layer, disk.id), disk.sizeBytes);
}

export function removeLayer(files: LayerFiles, layer: string): void {
  rmSync(layerDir(files.dir, files.replica, layer), { recursive: true, force: true });
}

/** One byte per block: `absent`, `data` or `zero`. */
export function layerMap(files: LayerFiles, layer: string, disk: ReplicaDisk): Uint8Array {
  const map = new Uint8Array(blockCount(disk.sizeBytes));
  readSparse(mapPath(pathOf(files, layer, disk.id)), 0, map);
  return map;
}

/** Takes whole blocks (but for the disk's end). The block counts as there only after its content is. */
export function writeLayer(
  files: LayerFiles,
  layer: string,
  write: { readonly disk: DiskId; readonly offset: number; readonly data: Uint8Array },
): void {
  const path = pathOf(files, layer, write.disk);
  writeSparse(path, write.offset, write.data);
  const first = write.offset / blockBytes;
  const blocks = [...blocksOf(write.offset, write.data.length)];
  const digests = blocks.map((_, index) => digest(write.data.subarray(index * blockBytes, (index + 1) * blockBytes)));
  writeSparse(digestPath(path), first * digestBytes, Buffer.concat(digests));
  writeSparse(mapPath(path), first, new Uint8Array(blocks.length).fill(data));
}

export function zeroLayer(
  files: LayerFiles,
  layer: string,
  range: { readonly disk: DiskId; readonly offset: number; readonly length: number },
): void {
  const blocks = [...blocksOf(range.offset, range.length)];
  writeSparse(
    mapPath(pathOf(files, layer, range.disk)),
    range.offset / blockBytes,
    new Uint8Array(blocks.length).fill(zero),
  );
}

/** The content of a disk through its layers, newest first. */
export function readLayers(
  files: LayerFiles,
  of: { readonly newestFirst: readonly string[]; readonly disk: DiskId },
  at: { readonly offset: number; readonly into: Uint8Array },
): void {
  at.into.fill(0);
  for (const block of blocksOf(at.offset, at.into.length)) {
    const holder = holderOf(files, { ...of, block });
    if (holder === undefined) continue;
    const start = Math.max(block * blockBytes, at.offset);
    const end = Math.min((block + 1) * blockBytes, at.offset + at.into.length);
    readSparse(pathOf(files, holder, of.disk), start, at.into.subarray(start - at.offset, end - at.offset));
  }
}

/** Whether a block's content still has the digest it came with. */
export function blockMatches(
  files: LayerFiles,
  of: { readonly newestFirst: readonly string[]; readonly disk: ReplicaDisk; readonly block: number },
): boolean {
  const holder = holderOf(files, { ...of, disk: of.disk.id });
  if (holder === undefined) return true;
  const path = pathOf(files, holder, of.disk.id);
  const range = blockRange(of.block, of.disk.sizeBytes);
  const content = new Uint8Array(range.length);
  readSparse(path, range.offset, content);
  const expected = new Uint8Array(digestBytes);
  readSparse(digestPath(path), of.block * digestBytes, expected);
  return Buffer.from(digest(content)).equals(expected);
}

/** The layer whose data the block has; undefined where it reads as zeroes. */
function holderOf(
  files: LayerFiles,
  of: { readonly newestFirst: readonly string[]; readonly disk: DiskId; readonly block: number },
): string | undefined {
  const state = new Uint8Array(1);
  for (const layer of of.newestFirst) {
    readSparse(mapPath(pathOf(files, layer, of.disk)), of.block, state);
    if (state[0] === data) return layer;
    if (state[0] === zero) return undefined;
  }
  return undefined;
}

/** Copies blocks of one layer to another: those the other has not (`missing`), or all of them (`all`). */
export function copyLayer(
  files: LayerFiles,
  pair: { readonly from: string; readonly to: string; readonly which: "missing" | "all" },
  disks: readonly ReplicaDisk[],
): void {
  for (const disk of disks) {
    const source = layerMap(files, pair.from, disk);
    const destination = layerMap(files, pair.to, disk);
    for (const [block, state] of source.entries()) {
      if (state === absent || (pair.which === "missing" && destination[block] !== absent)) continue;
      const { offset, length } = blockRange(block, disk.sizeBytes);
      if (state === zero) {
        zeroLayer(files, pair.to, { disk: disk.id, offset, length });
        continue;
      }
      const content = new Uint8Array(length);
      readSparse(pathOf(files, pair.from, disk.id), offset, content);
      writeLayer(files, pair.to, { disk: disk.id, offset, data: content });
    }
  }
}
