import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecoveryPoint } from "#domain/cut.ts";
import type { LabHost } from "#lab/hosts/host.ts";

/** A point as anybody finds it who has the replica's folder. */
export interface SealedPoint {
  readonly point: RecoveryPoint;
  /** When its manifest was there: from then on a failover can take it. ms since 1970. */
  readonly seenAt: number;
  /** Its disks' images, as the host sees them. */
  readonly images: readonly string[];
}

export interface PointWatcher extends AsyncDisposable {
  /** All that were seen so far, in the order they were sealed. */
  points(): readonly SealedPoint[];
}

interface Manifest {
  readonly point: RecoveryPoint;
  readonly disks: readonly { readonly image: string }[];
}

const pollMs = 10;

/** Watches the manifests that appear in the host's replica: not what the product says of itself, but what a recovery would find. */
export const watchPoints = async (host: LabHost): Promise<PointWatcher> => {
  const replicas = `${host.store}/replicas`;
  const [replica] = await readdir(host.path(replicas));
  const folder = `${replicas}/${replica ?? ""}`;
  const points = host.path(`${folder}/points`);
  const found: SealedPoint[] = [];
  const known = new Set<string>();
  const look = async (): Promise<void> => {
    const names = await readdir(points);
    const seenAt = Date.now();
    for (const name of names.filter((each) => each.endsWith(".json") && !known.has(each)).toSorted()) {
      known.add(name);
      const manifest = await readManifest(path.join(points, name));
      if (manifest === undefined) continue;
      const images = manifest.disks.map(({ image }) => `${folder}/${image}`);
      found.push({ point: manifest.point, seenAt, images });
    }
  };
  await look();
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await look();
      await sleep(pollMs);
    }
  };
  const done = watch();
  return {
    points: () => found,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
};

/** Undefined for one that a newer point has replaced already. */
const readManifest = async (file: string): Promise<Manifest | undefined> => {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Manifest;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
};
