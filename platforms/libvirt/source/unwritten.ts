import type { CutId } from "#domain/ids.ts";
import { openNbdSource } from "#transfer/nbd/open.ts";
import type { TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { exportName } from "./node-names.ts";
import { endOfflineExports, exportOfflineDisk } from "./offline-export.ts";
import type { OfflineDisk } from "./offline-images.ts";
import { provenRecords } from "./records.ts";

/**
 * Whether the cut's own record in the image of a machine that is off proves that nothing was written there since: QEMU marks it as in use before its first write, and when
 * it ends the record names what was written; one that is whole and empty proves that nothing was. `folder` is the item's, and exists (`cutFolder`); what still serves an
 * image out of it is ended, and the caller ends what this leaves (`endOfflineExports`).
 */
export const isUnwritten = async (
  host: HostConnection,
  of: {
    readonly folder: string;
    readonly tracked: Pick<TrackedMachine, "item" | "epoch">;
    readonly cut: CutId;
    readonly disk: OfflineDisk;
  },
  signal: AbortSignal,
): Promise<boolean> => {
  const { folder, tracked, cut, disk } = of;
  const record = provenRecords(disk, tracked).find((each) => each.cut === cut);
  if (record === undefined || record.sizeBytes !== disk.sizeBytes) return false;
  const name = exportName({ item: tracked.item, cut }, disk.id, cut);
  // One that was left serves what the record was.
  await endOfflineExports(host, folder, signal);
  const request = { folder, path: disk.path, name, bitmap: record.bitmap, alone: true } as const;
  const found = await exportOfflineDisk(host, request, signal);
  await using changes = await openNbdSource({
    transport: { kind: "stream", open: (opening) => host.openUnix(found.socket, opening) },
    exportName: found.exportName,
    dirtyBitmap: record.bitmap,
    signal,
  });
  for await (const _changed of changes.extents({ signal })) return false;
  return true;
};
