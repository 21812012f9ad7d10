import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import type { StoredFile } from "./carried-files.ts";
import { filePath, layerName, pathComponent } from "./layout.ts";

/**
 * `points/<cut>.json`: a recovery point, whole: what it is, and per disk the image to boot and its digests, relative to the replica's folder. Merging keeps a point's
 * own file names, so that a manifest is written once and never changed.
 */
export interface Manifest {
  readonly format: 1;
  readonly point: RecoveryPoint;
  readonly layer: number;
  readonly disks: readonly {
    readonly id: DiskId;
    readonly sizeBytes: number;
    readonly image: string;
    readonly digests: string;
  }[];
  readonly files?: readonly (StoredFile & {
    /** Packed by gzip. */
    readonly path: string;
  })[];
}

export const describePoint = (point: RecoveryPoint, layer: number, files: readonly StoredFile[] = []): Manifest => ({
  format: 1,
  point,
  layer,
  disks: point.disks.map(({ id, sizeBytes }) => {
    const base = `disks/${pathComponent(id)}/${layerName(layer)}`;
    return { id, sizeBytes, image: `${base}.qcow2`, digests: `${base}.digests` };
  }),
  ...(files.length > 0 && { files: files.map((file) => ({ ...file, path: filePath(file.sha256) })) }),
});

export const serializeManifest = (manifest: Manifest): Buffer =>
  Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);

/** Reads one; `REPLICA_INVALID` for what is none. */
export const parseManifest = (text: string, where: string): Manifest => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Fault(
      "REPLICA_INVALID",
      `${where} is not valid JSON: the manifest was damaged. Other points are not affected.`,
      { cause },
    );
  }
  const manifest = value as Partial<Manifest> | null;
  if (manifest?.format !== 1 || manifest.point === undefined || typeof manifest.layer !== "number")
    throw new Fault(
      "REPLICA_INVALID",
      `${where} is not a manifest of format 1: it was damaged, or written by a newer version of understudy.`,
    );
  return manifest as Manifest;
};

export const pointNotFound = (replica: string, cut: CutId, points: readonly CutId[]): Fault =>
  new Fault(
    "POINT_NOT_FOUND",
    `Replica ${replica} has no recovery point ${cut}: the retention may have removed it. There are: ${points.join(", ") || "none"}.`,
    { details: { replica, cut, points } },
  );
