import { createHash } from "node:crypto";
import type { CutId, DiskId, FailoverId, ReplicaId } from "#domain/ids.ts";

/** Where everything of one replica lies on the target host; the byte formats are in `docs/formats.md`. Paths are POSIX paths on the host. */
export interface ReplicaLayout {
  /** `<store>/replicas/<replica>`. */
  readonly root: string;
  readonly state: string;
  readonly points: string;
  manifest(cut: CutId): string;
  diskFolder(disk: DiskId): string;
  image(disk: DiskId, layer: number): string;
  digests(disk: DiskId, layer: number): string;
  /** Carried files, by the SHA-256 of their content, packed by gzip. */
  readonly files: string;
  file(sha256: string): string;
  /** Sockets and pid files of the storage daemons. Under /run, so that a restarted host has none left; short, as a socket's path has at most 107 bytes. */
  readonly runtime: string;
  readonly daemon: (disk: DiskId) => { readonly pid: string; readonly qmp: string; readonly nbd: string };
  /** `<store>/machines/<replica>/<failover>`: what an activated machine writes. Outside the replica, so that the machine outlives it. */
  activation(failover: FailoverId): string;
  /** The folder of all of them; empty ones are removed. */
  readonly activations: string;
}

/** An id as one component of a path: what could lead elsewhere or is awkward in a shell is percent-encoded. */
export const pathComponent = (id: string): string =>
  encodeURIComponent(id)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/^\./, "%2E");

/** `L000007`: layers are numbered as they are received, and no number is used twice. */
export const layerName = (layer: number): string => `L${String(layer).padStart(6, "0")}`;

/** Relative to the replica's folder. */
export const filePath = (sha256: string): string => `files/${sha256}.gz`;

export const replicasFolder = (store: string): string => `${store}/replicas`;

export const replicaLayout = (store: string, replica: ReplicaId): ReplicaLayout => {
  const root = `${replicasFolder(store)}/${pathComponent(replica)}`;
  const runtime = `/run/understudy/${createHash("sha256").update(root).digest("hex").slice(0, 16)}`;
  const activations = `${store}/machines/${pathComponent(replica)}`;
  const diskFolder = (disk: DiskId): string => `${root}/disks/${pathComponent(disk)}`;
  return {
    root,
    state: `${root}/replica.json`,
    points: `${root}/points`,
    manifest: (cut) => `${root}/points/${pathComponent(cut)}.json`,
    diskFolder,
    image: (disk, layer) => `${diskFolder(disk)}/${layerName(layer)}.qcow2`,
    digests: (disk, layer) => `${diskFolder(disk)}/${layerName(layer)}.digests`,
    files: `${root}/files`,
    file: (sha256) => `${root}/${filePath(sha256)}`,
    runtime,
    daemon: (disk) => {
      const base = `${runtime}/${pathComponent(disk)}`;
      return { pid: `${base}.pid`, qmp: `${base}.qmp`, nbd: `${base}.nbd` };
    },
    activation: (failover) => `${activations}/${pathComponent(failover)}`,
    activations,
  };
};
