import { readdir } from "node:fs/promises";
import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import { replicaId, type ReplicaId } from "#domain/ids.ts";
import { openStore } from "../target/host-store.ts";
import { replicasFolder, replicaLayout } from "../target/layout.ts";
import { readPoints } from "../target/read-points.ts";
import { localHost } from "./local-host.ts";

/** A point with the images it boots from, uppermost layer, by absolute path. */
export interface OfflinePoint extends RecoveryPoint {
  readonly images: readonly { readonly disk: string; readonly file: string }[];
  /** What belongs to the machine beside its disks, packed by gzip, by absolute path; `nvram`: its UEFI firmware's variables. */
  readonly files: readonly { readonly role: string; readonly sha256: string; readonly file: string }[];
}

export interface OfflineReplica {
  readonly replica: ReplicaId;
  readonly machine: string;
  readonly epoch: number;
  readonly sourceSite: string;
  /** The machine that runs here, or was started here, on one of the points. */
  readonly failedOver: boolean;
  /** Newest last. */
  readonly points: readonly OfflinePoint[];
}

/**
 * Everything a store folder holds, read from its files alone: needs neither worker nor Temporal nor the source site. Run on the host that has the folder.
 * `INVALID_INPUT` for a folder that is no store; `REPLICA_INVALID` names the damaged file.
 */
export const listPointsOffline = async (store: string, signal: AbortSignal): Promise<readonly OfflineReplica[]> => {
  const folders = await replicaFolders(store);
  const host = localHost();
  return await Promise.all(
    folders.map(async (folder) => {
      const replica = replicaId(decodeURIComponent(folder));
      const { state, manifests } = await readPoints(openStore({ host, store, replica }), signal);
      const { root } = replicaLayout(store, replica);
      return {
        replica,
        machine: state.machine.name,
        epoch: state.epoch,
        sourceSite: state.sourceSite,
        failedOver: state.activations.some(({ kind }) => kind !== "test"),
        points: manifests.map(({ point, disks, files = [] }) => ({
          ...point,
          images: disks.map(({ id, image }) => ({ disk: id, file: `${root}/${image}` })),
          files: files.map(({ role, sha256, path }) => ({ role, sha256, file: `${root}/${path}` })),
        })),
      };
    }),
  );
};

const replicaFolders = async (store: string): Promise<readonly string[]> => {
  try {
    const found = await readdir(replicasFolder(store), { withFileTypes: true });
    return found
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted();
  } catch (cause) {
    throw new Fault(
      "INVALID_INPUT",
      `${store} is no replica store: it has no folder "replicas" that can be read. Give the host's store as the configuration names it, on the host itself, as root.`,
      { cause },
    );
  }
};
