import { createHash } from "node:crypto";
import type { CutId, DiskId, ItemName } from "#domain/ids.ts";

/**
 * Parts of a cut in a machine's block graph. `scratch` takes what the guest overwrites, `filter` copies it there before the write, `gate` stands above the
 * filters of machines with several disks (one command switches all of them), `access` is the frozen instant.
 */
export type NodeRole = "scr" | "cbw" | "gat" | "acc";

/** QEMU allows 31 characters in a node's name, so item and cut are in it as digests. */
const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 6);

/** All nodes, exports and temporary bitmaps of an item begin with this; nothing else on the machine does. */
export const itemPrefix = (item: ItemName): string => `us-${digest(item)}-`;

export const cutPrefix = (item: ItemName, cut: CutId): string => `${itemPrefix(item)}${digest(cut)}-`;

export const nodeName = (cut: { readonly item: ItemName; readonly cut: CutId }, disk: DiskId, role: NodeRole): string =>
  `${cutPrefix(cut.item, cut.cut)}${disk}-${role}`;

/** The export of one disk of a cut, whole or with the changes since another; its temporary bitmap has the same name. */
export const exportName = (
  cut: { readonly item: ItemName; readonly cut: CutId },
  disk: DiskId,
  since: CutId | undefined,
): string => `${cutPrefix(cut.item, cut.cut)}${disk}-${since === undefined ? "all" : digest(since)}`;

export const roleOf = (name: string): string => name.slice(-3);
