import type { CutId, ReplicaId } from "#domain/ids.ts";
import { blockCount } from "./blocks.ts";
import type { SimulatedHost } from "./host.ts";
import { blockMatches } from "./layer.ts";
import { filesOf, layersUnder, replicaOf } from "./replica-record.ts";

/** `RecoveryTarget.verify`. */
export function verifyPoint(
  host: SimulatedHost,
  request: { readonly replica: ReplicaId; readonly point: CutId },
): { readonly blocks: number; readonly mismatched: number } {
  const record = host.store.transact((state) => replicaOf(host, state, request.replica));
  const { point, newestFirst } = layersUnder(record, request.point);
  const files = filesOf(host, record);
  let blocks = 0;
  let mismatched = 0;
  for (const disk of point.disks)
    for (let block = 0; block < blockCount(disk.sizeBytes); block++) {
      blocks += 1;
      if (!blockMatches(files, { newestFirst, disk, block })) mismatched += 1;
    }
  return { blocks, mismatched };
}
