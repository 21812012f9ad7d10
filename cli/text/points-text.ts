import { bytesText } from "#domain/bytes-text.ts";
import { durationText } from "./quantities.ts";
import { table } from "./table.ts";
import { commandLine } from "./verbs.ts";
import type { ListedPoint } from "#domain/cut.ts";
import { isExposed } from "#domain/exposure.ts";
import type { ItemView } from "#domain/item-view.ts";

/** Recovery points, as they come: the newest first. */
export const pointsText = (points: readonly ListedPoint[], nowMs: number): string => {
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

/** Where they are, and what they therefore do not cover: after a failover they are at the site that the machine runs at now. */
export const placedPointsText = (points: readonly ListedPoint[], item: ItemView, nowMs: number): string => {
  const { pointsSite, activeSite, state } = item;
  if (pointsSite === undefined || points.length === 0) return pointsText(points, nowMs);
  const text = `At ${pointsSite}:\n${pointsText(points, nowMs)}`;
  if (pointsSite !== activeSite) return text;
  const when = isExposed(state) ? "" : " once the failover is committed";
  return `${text}\nThe machine runs at ${activeSite}, too: these points do not outlast that site. Begin to replicate from there${when}: ${commandLine("ReverseReplicate", item.item)}\n`;
};

/** What a store holds, one replica after the other. */
export const offlineText = (
  replicas: readonly {
    readonly replica: string;
    readonly machine: string;
    readonly epoch: number;
    readonly sourceSite: string;
    readonly failedOver: boolean;
    readonly points: readonly ListedPoint[];
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
