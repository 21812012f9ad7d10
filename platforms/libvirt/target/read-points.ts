import { Fault, isFault } from "#domain/fault.ts";
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
  /** Points whose manifest is gone (`CHAIN_BROKEN`) or none (`REPLICA_INVALID`); the others are not affected. */
  readonly damaged: readonly { readonly cut: CutId; readonly fault: Fault }[];
}

/** What the replica holds, from the files beside it alone. Rejects with `REPLICA_NOT_FOUND`, `REPLICA_INVALID`. */
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
  const manifests: Manifest[] = [];
  const damaged: { readonly cut: CutId; readonly fault: Fault }[] = [];
  for (const { point, cut } of state.layers) {
    if (!point || cut === undefined) continue;
    const path = layout.manifest(cut);
    const file = files.find((candidate) => candidate.path === path);
    try {
      if (file === undefined)
        throw new Fault(
          "CHAIN_BROKEN",
          `The manifest of recovery point ${cut} is gone: ${path} on host ${host.name}. Put it back from a copy; the blocks are there.`,
        );
      manifests.push(parseManifest(file.text, `${path} on host ${host.name}`));
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      damaged.push({ cut, fault });
    }
  }
  return { state, manifests, damaged };
};

/** Undefined for a point that is not there; throws what is the matter with one that is damaged. */
export const findManifest = ({ manifests, damaged }: StoredPoints, cut: CutId): Manifest | undefined => {
  const fault = damaged.find((point) => point.cut === cut)?.fault;
  if (fault !== undefined) throw fault;
  return manifests.find((manifest) => manifest.point.id === cut);
};
