import type { ReplicaId } from "#domain/ids.ts";
import type { RecoveryTarget } from "#platforms/platform.ts";
import type { HostConnection } from "../host.ts";
import type { ActivationPlace } from "./activate.ts";
import { adoptMachine } from "./adopt.ts";
import { createFromCopies } from "./carried-copies.ts";
import { checkTarget } from "./checks.ts";
import { createReplica } from "./create-replica.ts";
import { deleteReplica } from "./delete-replica.ts";
import { commit, discard } from "./discard.ts";
import { changePoint, failOver } from "./fail-over.ts";
import { openStore } from "./host-store.ts";
import { returnLayers } from "./inherit.ts";
import { openReplica } from "./open-replica.ts";
import { readPoints } from "./read-points.ts";
import { verifyPoint } from "./verify.ts";

export interface LibvirtTargetOptions {
  /** The folder on the host that replicas and activated machines' disks live in. */
  readonly store: string;
  /** What went wrong in the background and is tried again: for the log. */
  readonly onWarning?: (fault: unknown) => void;
  readonly now?: () => number;
}

/** Keeps replicas in a folder of a libvirt host (`docs/formats.md`) and boots machines from them. Holds nothing itself: any number of workers may have one. */
export const createLibvirtTarget = (connection: HostConnection, options: LibvirtTargetOptions): RecoveryTarget => {
  const { store: folder, now = Date.now, onWarning = () => undefined } = options;
  const placeOf = (replica: ReplicaId): ActivationPlace => ({
    connection,
    folder,
    store: openStore({ host: connection, store: folder, replica }),
  });
  return {
    checks: (spec, op) => checkTarget(placeOf(spec.replica), spec, op),
    createReplica: async (spec, op) => {
      const place = placeOf(spec.replica);
      const { adopt, copies } = spec;
      if (adopt === undefined) await returnLayers(place, spec.replica, op);
      if (adopt !== undefined) await adoptMachine(place, spec, adopt, op);
      else if (copies !== undefined) await createFromCopies(place, { ...spec, copies }, op);
      else await createReplica(place.store, spec, op.signal);
    },
    open: ({ replica, epoch, peerSite }, signal) =>
      openReplica({ store: placeOf(replica).store, epoch, peerSite, now, onWarning }, signal),
    points: async (replica, op) => {
      const { manifests, damaged } = await readPoints(placeOf(replica).store, op.signal);
      for (const { fault } of damaged) onWarning(fault);
      return manifests.map(({ point }) => point);
    },
    verify: ({ replica, point }, op) => verifyPoint(placeOf(replica).store, point, op),
    failOver: (request, op) => failOver(placeOf(request.replica), request, op),
    commit: ({ replica, failover }, op) => commit(placeOf(replica), failover, op),
    changePoint: (request, op) => changePoint(placeOf(request.replica), request, op),
    discard: ({ replica, failover, epoch }, op) => discard(placeOf(replica), { failover, epoch }, op),
    deleteReplica: async (replica, op) => {
      const place = placeOf(replica);
      const earlier = await returnLayers(place, replica, op);
      await deleteReplica(earlier === undefined ? place : { ...place, store: earlier }, op);
    },
  };
};
