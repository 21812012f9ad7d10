import { Fault } from "#domain/fault.ts";
import type { CutId } from "#domain/ids.ts";
import type { ReplicaStore } from "./host-store.ts";
import { parseManifest, type Manifest } from "./manifest.ts";
import { parseReplica, type StoredReplica } from "./stored-replica.ts";

/** Prints the replica's state and every manifest, each after a line with its path. In one exec, under the lock, so that they belong together. */
const script = `set -eu
[ -e "$1/replica.json" ] || exit 0
if [ -w "$1" ]; then exec 9>"$1/state.lock"; flock -s 9; fi
for file in "$1/replica.json" "$1"/points/*.json; do
  [ -e "$file" ] || continue
  printf '\\036%s\\n' "$file"
  cat "$file"
done`;

export interface StoredPoints {
  readonly state: StoredReplica;
  /** Newest last. */
  readonly manifests: readonly Manifest[];
}

/** What the replica holds, from the files beside it alone. Rejects with `REPLICA_NOT_FOUND`, `REPLICA_INVALID`, `CHAIN_BROKEN` (a point whose manifest is gone). */
export const readPoints = async (store: ReplicaStore, signal: AbortSignal): Promise<StoredPoints> => {
  const { host, layout } = store;
  const { stdout } = await host.run(script, [layout.root], {
    purpose: `read the recovery points in ${layout.root}`,
    timeoutMs: 60_000,
    signal,
  });
  const files = stdout
    .split("\u001e")
    .slice(1)
    .map((part) => {
      const end = part.indexOf("\n");
      return { path: part.slice(0, end), text: part.slice(end + 1) };
    });
  const stateFile = files.find(({ path }) => path === layout.state);
  if (stateFile === undefined)
    throw new Fault(
      "REPLICA_NOT_FOUND",
      `Host ${host.name} has no replica in ${layout.root}: enable protection, or look into another store.`,
    );
  const state = parseReplica(stateFile.text, `${layout.state} on host ${host.name}`);
  const manifests = state.layers.flatMap(({ point, cut }) => {
    if (!point || cut === undefined) return [];
    const path = layout.manifest(cut);
    const file = files.find((candidate) => candidate.path === path);
    if (file === undefined)
      throw new Fault(
        "CHAIN_BROKEN",
        `The manifest of recovery point ${cut} is gone: ${path} on host ${host.name}. Put it back from a copy; the blocks are there.`,
      );
    return [parseManifest(file.text, `${path} on host ${host.name}`)];
  });
  return { state, manifests };
};

export const findManifest = ({ manifests }: StoredPoints, cut: CutId): Manifest | undefined =>
  manifests.find((manifest) => manifest.point.id === cut);
