import { replicaId, type ReplicaId } from "#domain/ids.ts";
import type { Operation, ReplicaSpec } from "#platforms/platform.ts";
import { interruptMerge, type ActivationPlace } from "./activate.ts";
import { adoptableDisks } from "./adoptable-disks.ts";
import { checkTakeOver } from "./create-replica.ts";
import { activationOwner, findDomain } from "./domains.ts";
import { openStore, type ReplicaStore } from "./host-store.ts";
import type { StoredReplica } from "./stored-replica.ts";

/** $1 the folder, $2 its new name, $3 the line of its state that says whose it is. One rename: there is the one or the other, whole. */
const moveScript = `set -eu
if [ -e "$2/replica.json" ] || [ ! -e "$1/replica.json" ]; then exit 0; fi
exec 8>"$1/merge.lock" 9>"$1/state.lock"
flock 8
flock 9
grep -qxF -- "$3" "$1/replica.json" || exit 0
rmdir "$2" 2>/dev/null || :
mv -T "$1" "$2"
sync "\${2%/*}"`;

/**
 * When the machine that is to become a replica runs on an earlier replica of its item in the same store, that one's layers are what its disks stand on: the folder becomes
 * the new replica's, instead of copying all of it. The earlier replica is gone then; until the adoption is recorded, the state still has its name (`returnLayers`).
 * Rejects before anything is changed where the machine cannot be adopted (`adoptableDisks`), or the layers not be taken over.
 */
export const inheritLayers = async (place: ActivationPlace, spec: ReplicaSpec, op: Operation): Promise<void> => {
  const { connection, folder, store } = place;
  if (spec.adopt === undefined || (await store.find(op.signal)) !== undefined) return;
  const domain = await findDomain(connection, spec.adopt.machine, op.signal);
  const owner = domain === undefined ? undefined : activationOwner(domain);
  if (domain === undefined || owner === undefined || owner === spec.replica) return;
  const earlier = openStore({ host: connection, store: folder, replica: replicaId(owner) });
  const state = await earlier.find(op.signal);
  const { adopt } = spec;
  if (state === undefined || state.item !== spec.item || !isRunOn(state)) return;
  if (state.activations.some(({ machine }) => machine !== adopt.machine)) return;
  await adoptableDisks(connection, { spec, domain }, op.signal);
  checkTakeOver(state, spec, connection.name);
  await interruptMerge({ ...place, store: earlier }, op.signal);
  await connection.run(moveScript, [earlier.layout.root, store.layout.root, ownName(state)], {
    purpose: `let replica ${spec.replica} go on with the layers of ${owner}`,
    timeoutMs: 60_000,
    signal: op.signal,
  });
};

/**
 * Gives layers that were inherited back to the replica they are of, when the machine was not adopted after all: what stands on them knows them by that replica's name.
 * Answers that replica's store; undefined where nothing is inherited, or the adoption is recorded.
 */
export const returnLayers = async (
  { connection, folder, store }: ActivationPlace,
  replica: ReplicaId,
  op: Operation,
): Promise<ReplicaStore | undefined> => {
  const state = await store.find(op.signal);
  if (state === undefined || state.replica === replica || !isRunOn(state)) return undefined;
  const earlier = openStore({ host: connection, store: folder, replica: state.replica });
  await connection.run(moveScript, [store.layout.root, earlier.layout.root, ownName(state)], {
    purpose: `give replica ${state.replica} its layers back`,
    timeoutMs: 60_000,
    signal: op.signal,
  });
  return (await store.find(op.signal)) === undefined ? earlier : undefined;
};

/** Its machine runs on it for good, and nothing else does. */
const isRunOn = ({ activations }: StoredReplica): boolean =>
  activations.length > 0 && activations.every(({ phase }) => phase === "committed");

/** As `serializeReplica` writes it. */
const ownName = ({ replica }: StoredReplica): string => `  "replica": ${JSON.stringify(replica)},`;
