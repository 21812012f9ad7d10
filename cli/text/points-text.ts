import { bytesText, durationText } from "./quantities.ts";
import { table } from "./table.ts";
import type { RecoveryPoint } from "#domain/cut.ts";

/** Recovery points, the newest first. */
export const pointsText = (points: readonly RecoveryPoint[], nowMs: number): string => {
  if (points.length === 0) return "There is no recovery point yet.\n";
  const rows = points
    .toReversed()
    .map((point, index) => [
      point.id,
      point.takenAt,
      durationText(Math.max(0, nowMs - Date.parse(point.takenAt))),
      point.consistency,
      index === 0 && !point.kept ? "latest" : "kept",
      bytesText(point.deltaBytes),
      String(point.epoch),
    ]);
  return table(["POINT", "TAKEN AT", "AGE", "CONSISTENCY", "KIND", "DELTA", "EPOCH"], rows);
};
