import { Fault } from "#domain/fault.ts";
import type { DiskId, MachineId } from "#domain/ids.ts";
import { blockRange, blocksOf } from "./blocks.ts";
import { diskPath, scratchPath } from "./paths.ts";
import type { MachineRecord, StandingRecord } from "./records.ts";
import { machineKey } from "./records.ts";
import { readSparse, writeSparse } from "./sparse-file.ts";
import type { Store } from "./store.ts";
import { markChanged } from "./tracking.ts";

export interface GuestAccess {
  readonly machine: MachineId;
  /** The start of the machine that the guest belongs to (`MachineRecord.generation`). */
  readonly generation: number;
}

/**
 * A write of the guest to its disk: recorded, held back for a standing cut that still needs the old block, then done; acknowledged by returning.
 * Throws `MACHINE_NOT_RUNNING` for a guest that is no more.
 */
export function writeGuest(
  store: Store,
  guest: GuestAccess,
  write: { readonly disk: DiskId; readonly offset: number; readonly data: Uint8Array },
): void {
  store.transact((state) => {
    const record = running(state.get(machineKey(guest.machine)), guest);
    const disk = record.machine.disks.find(({ id }) => id === write.disk);
    if (disk === undefined || write.offset < 0 || write.offset + write.data.length > disk.sizeBytes)
      throw new Fault(
        "INVALID_INPUT",
        `Machine ${record.machine.name} has no disk ${write.disk} with bytes ${write.offset} to ${write.offset + write.data.length}.`,
      );
    const segment = record.tracking?.segments.at(-1);
    let standing = record.tracking?.standing;
    for (const block of blocksOf(write.offset, write.data.length)) {
      if (segment !== undefined) markChanged(store.dir, { machine: guest.machine, segment, disk: write.disk, block });
      if (standing !== undefined) standing = holdBack(store.dir, { record, standing, disk: write.disk, block });
    }
    if (record.tracking !== undefined && standing !== record.tracking.standing && standing !== undefined)
      state.put(machineKey(guest.machine), { ...record, tracking: { ...record.tracking, standing } });
    writeSparse(diskPath(store.dir, guest.machine, write.disk), write.offset, write.data);
  });
}

/** Throws `MACHINE_NOT_RUNNING` like `writeGuest`. */
export function readGuest(
  store: Store,
  guest: GuestAccess,
  read: { readonly disk: DiskId; readonly offset: number; readonly length: number },
): Uint8Array {
  return store.transact((state) => {
    running(state.get(machineKey(guest.machine)), guest);
    const data = new Uint8Array(read.length);
    readSparse(diskPath(store.dir, guest.machine, read.disk), read.offset, data);
    return data;
  });
}

function running(record: MachineRecord | undefined, guest: GuestAccess): MachineRecord {
  if (record === undefined || !record.machine.running || record.generation !== guest.generation)
    throw new Fault("MACHINE_NOT_RUNNING", `Machine ${guest.machine} (start ${guest.generation}) does not run.`);
  return record;
}

/** Copies the old block to the scratch space, once per cut. When that is full the cut breaks; the guest never notices. */
function holdBack(
  dir: string,
  at: {
    readonly record: MachineRecord;
    readonly standing: StandingRecord;
    readonly disk: DiskId;
    readonly block: number;
  },
): StandingRecord {
  const { standing, disk } = at;
  const cutDisk = standing.cut.description.disks.find(({ id }) => id === disk);
  if (standing.broken || cutDisk === undefined) return standing;
  const range = blockRange(at.block, cutDisk.sizeBytes);
  const paths = scratchPaths(dir, at.record.machine.id, { standing, disk });
  const saved = new Uint8Array(1);
  readSparse(paths.saved, at.block, saved);
  if (range.length <= 0 || saved[0] === 1) return standing;
  const count = standing.savedBlocks[disk] ?? 0;
  if (count >= (standing.scratchBlocks[disk] ?? 0)) return { ...standing, broken: true };
  const old = new Uint8Array(range.length);
  readSparse(diskPath(dir, at.record.machine.id, disk), range.offset, old);
  writeSparse(paths.content, range.offset, old);
  writeSparse(paths.saved, at.block, Uint8Array.of(1));
  return { ...standing, savedBlocks: { ...standing.savedBlocks, [disk]: count + 1 } };
}

/** The blocks held back for a cut, and which they are (one byte per block). */
export function scratchPaths(
  dir: string,
  machine: MachineId,
  of: { readonly standing: StandingRecord; readonly disk: DiskId },
): { readonly content: string; readonly saved: string } {
  const content = scratchPath(dir, machine, of.standing.cut.description.id, of.disk);
  return { content, saved: `${content}.saved` };
}
