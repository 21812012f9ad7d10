import { resolve } from "node:path";
import { Fault } from "#domain/fault.ts";
import type { CutId, ReplicaId } from "#domain/ids.ts";
import { nearest } from "#domain/nearest.ts";
import type { OfflineReplica } from "#platforms/libvirt/offline/list-points.ts";

/** What of a store can be used, and sentences about what cannot. */
export interface OfflineFindings {
  readonly replicas: readonly OfflineReplica[];
  readonly problems: readonly string[];
}

/**
 * The replicas that a store holds, or those of one item: `ITEM_NOT_FOUND`, naming what there is, when it has none. Points with the newest first. Whose a folder is that cannot be
 * read nobody knows: its problem is told whichever item is asked for.
 */
export const offlineReplicas = async (
  store: string,
  wanted: { readonly item?: string | undefined; readonly signal: AbortSignal },
): Promise<OfflineFindings> => {
  const { listPointsOffline } = await import("#platforms/libvirt/offline/list-points.ts");
  const { item, signal } = wanted;
  const { replicas, unreadable } = await listPointsOffline(resolve(store), signal);
  const all = replicas.map((replica) => ({ ...replica, points: replica.points.toReversed() }));
  const found = item === undefined ? all : all.filter((replica) => replica.item === item);
  if (item !== undefined && found.length === 0) throw noReplica(store, { item, all, unreadable });
  return {
    replicas: found,
    problems: [...unreadable, ...found.flatMap(({ damaged }) => damaged.map(({ problem }) => problem))],
  };
};

/** The points of all of them. A store may have several replicas of an item: an earlier owner's points are older, whatever its clock said. */
export const newestFirst = (replicas: readonly OfflineReplica[]): readonly FoundPoint[] =>
  replicas
    .flatMap(({ replica, points }) => points.map(({ id, epoch, takenAt }) => ({ replica, id, epoch, takenAt })))
    .toSorted((one, other) => other.epoch - one.epoch || Date.parse(other.takenAt) - Date.parse(one.takenAt));

interface FoundPoint {
  readonly replica: ReplicaId;
  readonly id: CutId;
}

/** The end of a sentence that names what there is. */
export const notRead = (problems: readonly string[]): string =>
  problems.length === 0 ? "" : ` Not everything could be read: ${problems.join(" ")}`;

const noReplica = (
  store: string,
  what: { readonly item: string; readonly all: readonly OfflineReplica[]; readonly unreadable: readonly string[] },
): Fault => {
  const { item, all, unreadable } = what;
  const there = all.map((replica) => replica.item);
  const ofMachine = all.find(({ machine }) => machine === item);
  const meant = ofMachine === undefined ? nearest(item, there) : ofMachine.item;
  const hint =
    meant === undefined
      ? ""
      : ofMachine === undefined
        ? ` (did you mean ${meant}?)`
        : ` (${item} is the machine of the item ${meant})`;
  return new Fault(
    "ITEM_NOT_FOUND",
    `The store ${store} has no replica of ${item}${hint}; it has: ${there.join(", ") || "none"}.${notRead(unreadable)}`,
  );
};
