import type { Extent } from "../block.ts";
import type { StatusRun } from "./pending.ts";
import { allocationFlag, dirtyFlag } from "./protocol.ts";

/** What one block status window tells: extents, and where the next window starts (a server may answer less than was asked). */
export interface Window {
  readonly extents: readonly Extent[];
  readonly end: number;
}

/**
 * Joins the allocation's and the dirty bitmap's runs of one window. Their runs end in different places and may cover different lengths: the
 * window ends where the shorter one does, and never after `end`. Without a dirty bitmap everything is carried; without allocation all is data.
 * A hole that is not known to read as zero is data.
 */
export function joinRuns(window: {
  readonly start: number;
  readonly end: number;
  readonly allocation: readonly StatusRun[] | undefined;
  readonly dirty: readonly StatusRun[] | undefined;
}): Window {
  const { start, end } = window;
  const whole: readonly StatusRun[] = [{ length: end - start, flags: 0 }];
  const allocation = cursor(window.allocation ?? whole);
  const dirty = cursor(window.dirty ?? [{ length: end - start, flags: dirtyFlag }]);
  const extents: { offset: number; length: number; kind: Extent["kind"] }[] = [];
  let offset = start;
  while (offset < end) {
    const [allocated, changed] = [allocation.current(), dirty.current()];
    if (allocated === undefined || changed === undefined) break;
    const length = Math.min(allocated.length, changed.length, end - offset);
    if ((changed.flags & dirtyFlag) !== 0) {
      const kind = (allocated.flags & allocationFlag.zero) !== 0 ? "zero" : "data";
      const last = extents.at(-1);
      if (last !== undefined && last.kind === kind && last.offset + last.length === offset) last.length += length;
      else extents.push({ offset, length, kind });
    }
    allocation.advance(length);
    dirty.advance(length);
    offset += length;
  }
  return { extents, end: offset };
}

/** Walks runs piecewise. */
function cursor(runs: readonly StatusRun[]) {
  let index = 0;
  let used = 0;
  return {
    current(): StatusRun | undefined {
      const run = runs[index];
      return run === undefined ? undefined : { length: run.length - used, flags: run.flags };
    },
    advance(length: number): void {
      used += length;
      const run = runs[index];
      if (run !== undefined && used >= run.length) {
        index += 1;
        used = 0;
      }
    },
  };
}
