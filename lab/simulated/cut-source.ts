import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId, MachineId } from "#domain/ids.ts";
import type { BlockSource, Extent } from "#transfer/block.ts";
import { blockBytes } from "#transfer/block.ts";
import { blockCount, blockRange, blocksOf, extentsOf, isZero } from "./blocks.ts";
import type { Faults } from "./faults.ts";
import { throwIfCancelled } from "./faults.ts";
import { scratchPaths } from "./guest-disk.ts";
import { diskPath } from "./paths.ts";
import { machineKey } from "./records.ts";
import { readSparse } from "./sparse-file.ts";
import type { Store } from "./store.ts";

/** One disk of a standing cut, as it was at that instant while the guest goes on writing. Reads reject with `CUT_BROKEN` once it cannot be told any more. */
export function openCutSource(options: {
  readonly store: Store;
  readonly faults: Faults;
  readonly machine: MachineId;
  readonly cut: CutId;
  readonly disk: DiskId;
  readonly sizeBytes: number;
  /** One byte per block, 1: to be carried. Absent: all of them. */
  readonly changed?: Uint8Array;
}): BlockSource {
  const { sizeBytes, changed } = options;
  const read = (offset: number, into: Uint8Array, signal: AbortSignal): Promise<void> =>
    options.faults("source.read", signal, () => readAtCut(options, offset, into));
  return {
    sizeBytes,
    read,
    extents: ({ from = 0, signal }) => classify({ sizeBytes, from, signal, read, ...(changed && { changed }) }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function readAtCut(options: Parameters<typeof openCutSource>[0], offset: number, into: Uint8Array): void {
  const { store, machine, disk } = options;
  store.transact((state) => {
    const standing = state.get(machineKey(machine))?.tracking?.standing;
    if (standing?.cut.description.id !== options.cut || standing.broken)
      throw new Fault(
        "CUT_BROKEN",
        `Cut ${options.cut} of machine ${machine} is broken: ` +
          (standing?.broken === true ? `the scratch space of disk ${disk} is full.` : "it does not stand any more."),
      );
    readSparse(diskPath(store.dir, machine, disk), offset, into);
    const paths = scratchPaths(store.dir, machine, { standing, disk });
    for (const block of blocksOf(offset, into.length)) {
      const saved = new Uint8Array(1);
      readSparse(paths.saved, block, saved);
      if (saved[0] !== 1) continue;
      const range = blockRange(block, options.sizeBytes);
      const start = Math.max(range.offset, offset);
      const end = Math.min(range.offset + range.length, offset + into.length);
      readSparse(paths.content, start, into.subarray(start - offset, end - offset));
    }
  });
}

/** Tells data from zeroes by looking, a stretch at a time. */
export async function* classify(options: {
  readonly sizeBytes: number;
  readonly from: number;
  readonly signal: AbortSignal;
  readonly changed?: Uint8Array;
  readonly read: (offset: number, into: Uint8Array, signal: AbortSignal) => Promise<void>;
}): AsyncGenerator<Extent> {
  const stretch = 64;
  for (let first = Math.floor(options.from / blockBytes); first < blockCount(options.sizeBytes); first += stretch) {
    throwIfCancelled(options.signal, "list the extents");
    const end = Math.min(options.sizeBytes, (first + stretch) * blockBytes);
    const kinds = new Map<number, Extent["kind"]>();
    for (const block of blocksOf(first * blockBytes, end - first * blockBytes)) {
      if (options.changed !== undefined && options.changed[block] !== 1) continue;
      const range = blockRange(block, options.sizeBytes);
      const data = new Uint8Array(range.length);
      await options.read(range.offset, data, options.signal);
      kinds.set(block, isZero(data) ? "zero" : "data");
    }
    const from = Math.max(options.from, first * blockBytes);
    yield* extentsOf({ sizeBytes: end, from, kindOf: (block) => kinds.get(block) });
  }
}
