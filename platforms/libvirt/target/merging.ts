import type { DiskId } from "#domain/ids.ts";
import { isContinued, nextMerge, withMerged, type Merge } from "./chain.ts";
import { compactDigests } from "./compact-digests.ts";
import { exitCode, type ReplicaStore } from "./host-store.ts";
import { layerName } from "./layout.ts";
import { mergeScript, pinnedExit } from "./state-scripts.ts";
import type { StoredReplica } from "./stored-replica.ts";

const day = 86_400_000;

/**
 * Merges layers that are no points any more into what lies above them, one after the other, until none is left that no machine runs on. Ended in the middle it
 * has harmed nothing; the next call goes on.
 */
export const mergeForgotten = async (
  store: ReplicaStore,
  options: {
    readonly signal: AbortSignal;
    /** Refuses when the replica is no longer this worker's. */
    readonly guard: (state: StoredReplica) => void;
  },
): Promise<void> => {
  const { signal, guard } = options;
  let state = await store.read(signal);
  const results = new Set<number>();
  for (let merge = nextMerge(state); merge !== undefined; merge = nextMerge(state)) {
    const merged = merge;
    guard(state);
    try {
      await mergeFiles(store, merged, signal);
    } catch (error) {
      if (exitCode(error) === pinnedExit) return;
      throw error;
    }
    state = await store.change(
      (current) => {
        const still = current.layers.some(({ layer }) => layer === merged.lower.layer);
        return still ? { state: withMerged(current, merged) } : undefined;
      },
      { purpose: `record the merge of layers ${merged.lower.layer} and ${merged.upper.layer}`, signal },
    );
    results.add(merged.upper.layer);
  }
  if (results.size > 0) await compactDigests(store, { state, layers: results }, signal);
};

const mergeFiles = async ({ host, layout }: ReplicaStore, merge: Merge, signal: AbortSignal): Promise<void> => {
  const { lower, upper } = merge;
  const disks = (Object.keys(lower.disks) as DiskId[]).flatMap((disk) => {
    const continued = isContinued(merge, disk);
    const how = upper.disks[disk]?.digests === "delta" ? "merge" : "cover";
    const image = {
      driver: "qcow2",
      file: { driver: "file", filename: layout.image(disk, upper.layer) },
      // Alone: the chain beneath is not opened, so that this costs the same at any length. Layers hold whole clusters, so nothing has to be read from there.
      backing: { driver: "qcow2", file: { driver: "file", filename: layout.image(disk, lower.layer) }, backing: null },
    };
    return [
      continued ? how : "drop",
      layout.diskFolder(disk),
      layerName(lower.layer),
      layerName(upper.layer),
      `json:${JSON.stringify(image)}`,
    ];
  });
  await host.run(mergeScript, [layout.root, String(lower.layer), ...disks], {
    purpose: `merge layer ${upper.layer} into layer ${lower.layer} in ${layout.root}`,
    timeoutMs: day,
    lasting: "merge",
    signal,
  });
};
