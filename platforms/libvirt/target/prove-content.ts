import type { CutId } from "#domain/ids.ts";
import type { Operation, ReplicaSpec } from "#platforms/platform.ts";
import { cutFolder } from "../source/cut-file.ts";
import { endOfflineExports } from "../source/offline-export.ts";
import { readImages } from "../source/offline-images.ts";
import { isUnwritten } from "../source/unwritten.ts";
import type { ActivationPlace } from "./activate.ts";
import { entries } from "./chain.ts";
import type { StoredAdoption } from "./stored-replica.ts";

/**
 * Whether the disks of a machine that is taken in, and that nobody can start any more, are still exactly the cut they are said to be. Somebody may have started it by hand
 * since and turned it off again: blocks that only it wrote would otherwise stay beneath all later points. What the cut's own records do not prove counts as written.
 */
export const isStillContent = async (
  { connection, folder: store }: ActivationPlace,
  of: { readonly spec: ReplicaSpec; readonly adoption: StoredAdoption; readonly content: CutId },
  { signal }: Operation,
): Promise<boolean> => {
  const { spec, adoption, content } = of;
  const images = entries(adoption.disks).map(([id, { file }]) => ({ id, path: file }));
  const folder = cutFolder(store, spec.item);
  const { stdout } = await connection.run(
    `folder=$1; shift; mkdir -p -m 711 "$folder"; for image; do [ -e "$image" ] || echo "$image"; done`,
    [folder, ...images.map(({ path }) => path)],
    { signal, timeoutMs: 15_000, purpose: `look for the disks of machine ${adoption.name}` },
  );
  if (stdout.trim() !== "") return false;
  try {
    for (const disk of await readImages(connection, adoption.machine, images, signal))
      if (!(await isUnwritten(connection, { folder, tracked: spec, cut: content, disk }, signal))) return false;
    return true;
  } finally {
    await endOfflineExports(connection, folder, signal);
  }
};
