import { replicaId } from "#domain/ids.ts";
import type { Operation, ReplicaSpec } from "#platforms/platform.ts";
import { interruptMerge, type ActivationPlace } from "./activate.ts";
import { activationOwner, findDomain } from "./domains.ts";
import { openStore } from "./host-store.ts";

/** $1 the old replica's folder, $2 the new one's. One rename: there is the one or the other, whole. */
const moveScript = `set -eu
if [ -e "$2/replica.json" ] || [ ! -e "$1/replica.json" ]; then exit 0; fi
exec 8>"$1/merge.lock" 9>"$1/state.lock"
flock 8
flock 9
rmdir "$2" 2>/dev/null || :
mv -T "$1" "$2"
sync "\${2%/*}"`;

/**
 * When the machine that is to become a replica runs on an earlier replica of its item in the same store, that one's layers are what its disks stand on: the folder becomes
 * the new replica's, instead of copying all of it. The earlier replica is gone then.
 */
export const inheritLayers = async (place: ActivationPlace, spec: ReplicaSpec, op: Operation): Promise<void> => {
  const { connection, folder, store } = place;
  if (spec.adopt === undefined || (await store.find(op.signal)) !== undefined) return;
  const domain = await findDomain(connection, spec.adopt.machine, op.signal);
  const owner = domain === undefined ? undefined : activationOwner(domain);
  if (owner === undefined || owner === spec.replica) return;
  const earlier = openStore({ host: connection, store: folder, replica: replicaId(owner) });
  const state = await earlier.find(op.signal);
  const { adopt } = spec;
  const runs = state?.activations.every(({ machine, phase }) => machine === adopt.machine && phase === "committed");
  if (state === undefined || state.item !== spec.item || state.activations.length === 0 || runs !== true) return;
  await interruptMerge({ ...place, store: earlier }, op.signal);
  await connection.run(moveScript, [earlier.layout.root, store.layout.root], {
    purpose: `let replica ${spec.replica} go on with the layers of ${owner}`,
    timeoutMs: 60_000,
    signal: op.signal,
  });
};
