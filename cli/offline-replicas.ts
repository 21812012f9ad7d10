import { resolve } from "node:path";
import { Fault } from "#domain/fault.ts";
import { nearest } from "#domain/nearest.ts";
import type { OfflineReplica } from "#platforms/libvirt/offline/list-points.ts";

/** The replicas that a store holds, or those of one item: `ITEM_NOT_FOUND`, naming what there is, when it has none. Points with the newest first. */
export const offlineReplicas = async (
  store: string,
  wanted: { readonly item?: string | undefined; readonly signal: AbortSignal },
): Promise<readonly OfflineReplica[]> => {
  const { listPointsOffline } = await import("#platforms/libvirt/offline/list-points.ts");
  const { item, signal } = wanted;
  const all = (await listPointsOffline(resolve(store), signal)).map((replica) => ({
    ...replica,
    points: replica.points.toReversed(),
  }));
  if (item === undefined) return all;
  const found = all.filter((replica) => itemOf(replica) === item);
  if (found.length === 0) throw noReplica(store, item, all);
  return found;
};

/** Every point says whose it is; a replica without one has no other name than its own. */
const itemOf = (replica: OfflineReplica): string => replica.points[0]?.item ?? replica.replica;

const noReplica = (store: string, item: string, all: readonly OfflineReplica[]): Fault => {
  const there = all.map(itemOf);
  const ofMachine = all.find(({ machine }) => machine === item);
  const meant = ofMachine === undefined ? nearest(item, there) : itemOf(ofMachine);
  const hint =
    meant === undefined
      ? ""
      : ofMachine === undefined
        ? ` (did you mean ${meant}?)`
        : ` (${item} is the machine of the item ${meant})`;
  return new Fault(
    "ITEM_NOT_FOUND",
    `The store ${store} has no replica of ${item}${hint}; it has: ${there.join(", ") || "none"}.`,
  );
};
