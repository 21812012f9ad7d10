import { rmSync } from "node:fs";
import type { CutId, DiskId, MachineId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import { blockCount } from "./blocks.ts";
import { scratchDir, segmentDir, segmentPath } from "./paths.ts";
import type { Segment, TrackingRecord } from "./records.ts";
import { createSparse, readSparse, writeSparse } from "./sparse-file.ts";

/** A record is one byte per block, 1 where it changed, so that a killed process can only ever have marked too much. */
const changed = 1;

/** Begins the record "changes since `since`" and ends the one before it. To be called while nothing can write. */
export function beginSegment(
  dir: string,
  options: {
    readonly machine: Machine;
    readonly segments: readonly Segment[];
    readonly since: CutId;
    readonly disks: readonly DiskId[];
  },
): readonly Segment[] {
  for (const disk of options.machine.disks.filter(({ id }) => options.disks.includes(id)))
    createSparse(segmentPath(dir, options.machine.id, options.since, disk.id), blockCount(disk.sizeBytes));
  return [...options.segments, { since: options.since, disks: options.disks }];
}

export function markChanged(
  dir: string,
  options: { readonly machine: MachineId; readonly segment: Segment; readonly disk: DiskId; readonly block: number },
): void {
  if (!options.segment.disks.includes(options.disk)) return;
  writeSparse(
    segmentPath(dir, options.machine, options.segment.since, options.disk),
    options.block,
    Uint8Array.of(changed),
  );
}

/** The cuts before `until` from which on all changes of that disk are known: every segment from there to it knows the disk. */
export function provableSince(segments: readonly Segment[], disk: DiskId, until: CutId): readonly CutId[] {
  const end = segments.findIndex(({ since }) => since === until);
  const before = segments.slice(0, end === -1 ? segments.length : end);
  const firstProven = before.findLastIndex((segment) => !segment.disks.includes(disk)) + 1;
  return before.slice(firstProven).map(({ since }) => since);
}

/** One byte per block: what changed from cut `since` to cut `until`. */
export function changesBetween(
  dir: string,
  options: {
    readonly machine: MachineId;
    readonly segments: readonly Segment[];
    readonly disk: DiskId;
    readonly since: CutId;
    readonly until: CutId;
    readonly blocks: number;
  },
): Uint8Array {
  const union = new Uint8Array(options.blocks);
  const from = options.segments.findIndex(({ since }) => since === options.since);
  const to = options.segments.findIndex(({ since }) => since === options.until);
  for (const segment of options.segments.slice(from, to))
    mergeInto(union, segmentPath(dir, options.machine, segment.since, options.disk));
  return union;
}

/** One byte per block: what changed since cut `since`. */
export function changesSince(dir: string, options: Omit<Parameters<typeof changesBetween>[1], "until">): Uint8Array {
  const union = new Uint8Array(options.blocks);
  const from = options.segments.findIndex(({ since }) => since === options.since);
  for (const segment of options.segments.slice(from))
    mergeInto(union, segmentPath(dir, options.machine, segment.since, options.disk));
  return union;
}

/** Forgets all records but those of `keep`. What a forgotten one knows goes to the kept one before it, or away when there is none. */
export function forgetSegments(
  dir: string,
  options: { readonly machine: Machine; readonly segments: readonly Segment[]; readonly keep: readonly CutId[] },
): readonly Segment[] {
  const kept: Segment[] = [];
  for (const segment of options.segments) {
    const heir = kept.at(-1);
    if (options.keep.includes(segment.since)) kept.push(segment);
    else if (heir !== undefined) kept[kept.length - 1] = inherit(dir, options.machine, { heir, segment });
  }
  for (const segment of options.segments)
    if (!kept.some(({ since }) => since === segment.since))
      rmSync(segmentDir(dir, options.machine.id, segment.since), { recursive: true, force: true });
  return kept;
}

/** A disk that the later segment does not know is not known by the joint one either. */
function inherit(dir: string, machine: Machine, pair: { readonly heir: Segment; readonly segment: Segment }): Segment {
  for (const disk of machine.disks) {
    const path = segmentPath(dir, machine.id, pair.heir.since, disk.id);
    const flags = new Uint8Array(blockCount(disk.sizeBytes));
    mergeInto(flags, path);
    mergeInto(flags, segmentPath(dir, machine.id, pair.segment.since, disk.id));
    if (pair.heir.disks.includes(disk.id)) writeSparse(path, 0, flags);
  }
  return { since: pair.heir.since, disks: pair.heir.disks.filter((disk) => pair.segment.disks.includes(disk)) };
}

function mergeInto(union: Uint8Array, path: string): void {
  const flags = new Uint8Array(union.length);
  readSparse(path, 0, flags);
  for (const [block, flag] of flags.entries()) if (flag === changed) union[block] = changed;
}

/** Removes the record and the standing cut of a machine from the folder. */
export function wipeTracking(dir: string, machine: MachineId, tracking: TrackingRecord | undefined): void {
  for (const segment of tracking?.segments ?? [])
    rmSync(segmentDir(dir, machine, segment.since), { recursive: true, force: true });
  wipeScratch(dir, machine, tracking);
}

export function wipeScratch(dir: string, machine: MachineId, tracking: TrackingRecord | undefined): void {
  const cut = tracking?.standing?.cut.description.id;
  if (cut !== undefined) rmSync(scratchDir(dir, machine, cut), { recursive: true, force: true });
}
