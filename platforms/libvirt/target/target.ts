import type { ReplicaId } from "#domain/ids.ts";
import type { RecoveryTarget } from "#platforms/platform.ts";
import type { HostConnection } from "../host.ts";
import { createReplica } from "./create-replica.ts";
import { openStore, type ReplicaStore } from "./host-store.ts";
import { openReplica } from "./open-replica.ts";
import { readPoints } from "./read-points.ts";

export interface LibvirtTargetOptions {
  /** The folder on the host that replicas live in. */
  readonly store: string;
  /** What went wrong in the background and is tried again: for the log. */
  readonly onWarning?: (fault: unknown) => void;
  readonly now?: () => number;
}

/** Keeps replicas in a folder of a libvirt host (`docs/formats.md`) and boots machines from them. */
export const createLibvirtTarget = (
  connection: HostConnection,
  options: LibvirtTargetOptions,
): Pick<RecoveryTarget, "createReplica" | "open" | "points"> => {
  const { store, now = Date.now, onWarning = () => undefined } = options;
  const storeOf = (replica: ReplicaId): ReplicaStore => openStore({ host: connection, store, replica });
  return {
    createReplica: async (spec, op) => {
      await createReplica(storeOf(spec.replica), spec, op.signal);
    },
    open: ({ replica, epoch, peerSite }, signal) =>
      openReplica({ store: storeOf(replica), epoch, peerSite, now, onWarning }, signal),
    points: async (replica, op) => (await readPoints(storeOf(replica), op.signal)).manifests.map(({ point }) => point),
  };
};
