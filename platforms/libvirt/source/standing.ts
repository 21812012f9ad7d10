import type { TrackedMachine, StandingCut } from "../../platform.ts";
import type { StandingCutFile } from "./cut-file.ts";
import type { BlockGraph } from "./block-graph.ts";
import type { LiveDisk } from "./live-disks.ts";
import { nodeName } from "./node-names.ts";
import { trackedSince } from "./records.ts";

/** Every part of that cut is in the machine's graph: it is the same QEMU process, and nobody took anything away. */
export const standsIn = (graph: BlockGraph, tracked: TrackedMachine, file: StandingCutFile): boolean =>
  !file.offline &&
  file.description.disks.every(({ id }) => graph.nodes.has(nodeName({ item: tracked.item, cut: file.cut }, id, "acc")));

/** The answer for a cut of a running machine, with the records as they are proven now. */
export const standingOf = (
  file: StandingCutFile,
  disks: readonly LiveDisk[],
  tracked: TrackedMachine,
): StandingCut => ({
  description: file.description,
  trackedSince: trackedSince(
    disks.map(({ id, image }) => ({ id, path: image.filename, bitmaps: image.bitmaps })),
    tracked,
    file.cut,
  ),
  frozenMs: file.frozenMs,
  pausedMs: file.pausedMs,
  ...(file.warnings && { warnings: file.warnings }),
});
