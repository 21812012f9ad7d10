import { readdir } from "node:fs/promises";
import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault, isFault } from "#domain/fault.ts";
import { replicaId, type CutId, type ItemName, type ReplicaId } from "#domain/ids.ts";
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
  readonly item: ItemName;
  readonly machine: string;
  readonly epoch: number;
  readonly sourceSite: string;
  /** The machine that runs here, or was started here, on one of the points. */
  readonly failedOver: boolean;
  /** Newest last. */
  readonly points: readonly OfflinePoint[];
  /** Points that cannot be used, and why; the others are not affected. */
  readonly damaged: readonly { readonly point: CutId; readonly problem: string }[];
}

export interface OfflineStore {
  readonly replicas: readonly OfflineReplica[];
  /** Folders that hold something, but no replica that can be read: sentences. */
  readonly unreadable: readonly string[];
}

/**
 * Everything a store folder holds, read from its files alone: needs neither worker nor Temporal nor the source site. Run on the host that has the folder.
 * What is damaged does not hide what is not. `INVALID_INPUT` for a folder that is no store.
 */
export const listPointsOffline = async (store: string, signal: AbortSignal): Promise<OfflineStore> => {
  const folders = await replicaFolders(store);
  const read = await Promise.all(
    folders.map(async (folder): Promise<Partial<OfflineStore>> => {
      try {
        return { replicas: [await readReplica(store, replicaId(decodeURIComponent(folder)), signal)] };
      } catch (error) {
        if (signal.aborted || !(isFault(error) || error instanceof URIError)) throw error;
        const path = `${replicasFolder(store)}/${folder}`;
        if (!isFault(error)) return { unreadable: [`${path} has no name that a replica could have.`] };
        if (error.code !== "REPLICA_NOT_FOUND") return { unreadable: [error.message] };
        // One that was being made or deleted holds nothing.
        if (!(await holdsPoints(path))) return {};
        const lost = `${path} has manifests of recovery points but no replica.json, which says what belongs together: put that back from a copy.`;
        return { unreadable: [lost] };
      }
    }),
  );
  return {
    replicas: read.flatMap(({ replicas = [] }) => replicas),
    unreadable: read.flatMap(({ unreadable = [] }) => unreadable),
  };
};

const readReplica = async (store: string, replica: ReplicaId, signal: AbortSignal): Promise<OfflineReplica> => {
  const { state, manifests, damaged } = await readPoints(openStore({ host: localHost(), store, replica }), signal);
  const { root } = replicaLayout(store, replica);
  return {
    replica,
    item: state.item,
    machine: state.machine.name,
    epoch: state.epoch,
    sourceSite: state.sourceSite,
    failedOver: state.activations.some(({ kind }) => kind !== "test"),
    points: manifests.map(({ point, disks, files = [] }) => ({
      ...point,
      images: disks.map(({ id, image }) => ({ disk: id, file: `${root}/${image}` })),
      files: files.map(({ role, sha256, path }) => ({ role, sha256, file: `${root}/${path}` })),
    })),
    damaged: damaged.map(({ cut, fault }) => ({ point: cut, problem: fault.message })),
  };
};

const holdsPoints = async (folder: string): Promise<boolean> => {
  try {
    return (await readdir(`${folder}/points`)).some((name) => name.endsWith(".json"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
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
