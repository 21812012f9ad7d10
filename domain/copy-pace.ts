import type { DiskProgress } from "#domain/item-view.ts";

/** How much of a disk was done, and when: one of several over the last minutes. */
export interface CopyMark {
  readonly atMs: number;
  readonly bytesDone: number;
}

const noProgressAfterMs = 60_000;
const slowOverMs = 300_000;
const slowBytesPerSecond = 1_000_000;
/** Marks lie at least this far apart: enough for the rules above, and few. */
const markEveryMs = 5_000;

/** With one more mark, as far as it says something: that the copy went on. A copy that begins anew has its past forgotten. */
export function withMark(marks: readonly CopyMark[], mark: CopyMark): readonly CopyMark[] {
  const last = marks.at(-1);
  if (last === undefined || mark.bytesDone < last.bytesDone) return [mark];
  if (mark.bytesDone === last.bytesDone || mark.atMs - last.atMs < markEveryMs) return marks;
  // One from before the time that is looked at stays, to count from.
  const oldest = marks.findLastIndex(({ atMs }) => atMs <= mark.atMs - slowOverMs);
  return [...marks.slice(Math.max(0, oldest)), mark];
}

/**
 * How a copy goes that has begun: `NoProgress` when for a minute nothing more was done, `SlowProgress` when over five minutes less than 1 MB a second was, though
 * the policy's limit allows twice that.
 */
export function copyPace(
  marks: readonly CopyMark[],
  now: CopyMark & { readonly limitBytesPerSecond?: number | undefined },
): Exclude<DiskProgress["state"], "Queued" | "Completed"> {
  const last = marks.at(-1);
  if (last === undefined) return "InProgress";
  if (now.bytesDone <= last.bytesDone && now.atMs - last.atMs >= noProgressAfterMs) return "NoProgress";
  const from = marks.findLast(({ atMs }) => atMs <= now.atMs - slowOverMs);
  if (from === undefined) return "InProgress";
  const rate = (now.bytesDone - from.bytesDone) / ((now.atMs - from.atMs) / 1_000);
  const least = Math.min(slowBytesPerSecond, (now.limitBytesPerSecond ?? Number.POSITIVE_INFINITY) / 2);
  return rate < least ? "SlowProgress" : "InProgress";
}
