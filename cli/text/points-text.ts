import { bytesText } from "#domain/bytes-text.ts";
import { durationText } from "./quantities.ts";
import { table } from "./table.ts";
import type { RecoveryPoint } from "#domain/cut.ts";

/** Recovery points, as they come: the newest first. */
export const pointsText = (points: readonly RecoveryPoint[], nowMs: number): string => {
  if (points.length === 0) return "There is no recovery point yet.\n";
  const rows = points.map((point, index) => [
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

/** What a store holds, one replica after the other. */
export const offlineText = (
  replicas: readonly {
    readonly replica: string;
    readonly machine: string;
    readonly epoch: number;
    readonly sourceSite: string;
    readonly failedOver: boolean;
    readonly points: readonly RecoveryPoint[];
  }[],
  nowMs: number,
): string => {
  if (replicas.length === 0) return "The store holds no replica.\n";
  return replicas
    .map(({ replica, machine, epoch, sourceSite, failedOver, points }) => {
      const now = failedOver ? "; it has failed over to here" : "";
      return `Replica ${replica}: machine ${machine} from the site ${sourceSite}, epoch ${String(epoch)}${now}\n${pointsText(points, nowMs)}`;
    })
    .join("\n");
};
