import type { CutId } from "#domain/ids.ts";
import type { PointSelector, ListedPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import { nearest } from "#domain/nearest.ts";

const named = (points: readonly ListedPoint[]): string => {
  const shown = points.slice(-5).toReversed();
  const list = shown.map((point) => `${point.id} (${point.takenAt}, ${point.consistency})`).join(", ");
  const more = points.length - shown.length;
  return more > 0 ? `${list} and ${String(more)} older` : list;
};

/**
 * The point that a failover means. `points`: newest last, as the replica's manifests list them. *Latest* and *latest processed* are the same: each delta is
 * processed as soon as all of it is there, and a part of one can never be booted, so nothing is pending here; an unplanned failover to *latest* that can shut
 * its source down has the last delta sent before it asks. The others choose among the kept ones. Throws `POINT_NOT_FOUND`.
 */
export const choosePoint = <Point extends ListedPoint>(points: readonly Point[], selector: PointSelector): Point => {
  if (points.length === 0)
    throw new Fault("POINT_NOT_FOUND", "There is no recovery point yet: the initial replication is not done.");
  const chosen = find(points, selector);
  if (chosen !== undefined) return chosen;
  throw new Fault("POINT_NOT_FOUND", `${missing(points, selector)} There are: ${named(points)}.`, {
    details: { selector, points: points.map((point) => point.id) },
  });
};

const find = <Point extends ListedPoint>(points: readonly Point[], selector: PointSelector): Point | undefined => {
  switch (selector.kind) {
    case "latest":
    case "latest-processed":
      return points.at(-1);
    case "latest-crash-consistent":
      return points.findLast((point) => point.kept && point.consistency === "crash-consistent");
    case "latest-app-consistent":
      return points.findLast((point) => point.kept && point.consistency === "app-consistent");
    case "custom":
      return points.findLast((point) => point.id === selector.pointId);
  }
};

const missing = (points: readonly ListedPoint[], selector: PointSelector): string => {
  if (selector.kind !== "custom")
    return `There is no ${selector.kind === "latest-app-consistent" ? "application-consistent" : "crash-consistent"} recovery point.`;
  const wanted: CutId = selector.pointId;
  const meant = nearest(
    wanted,
    points.map((point) => point.id),
  );
  return `There is no recovery point ${wanted}${meant === undefined ? "" : ` (did you mean ${meant}?)`}: the retention may have removed it.`;
};
