import { isFault } from "#domain/fault.ts";
import type { Qmp } from "./qmp.ts";

const top = "incoming";
const chain = "sealed";

/** The name under which a daemon exports its disk's incoming layer. */
export const exportName = top;

const image = (node: string, file: string) => ({
  driver: "qcow2",
  "node-name": node,
  file: { driver: "file", filename: file },
});

/**
 * Opens the incoming layer alone, whatever the chain's length, and exports it for writing. Its blocks are the tracking's blocks, so that every write replaces whole
 * clusters and nothing has to be read from beneath; zeroes are written as zeroes, never trimmed, which would show what is beneath.
 */
export const exportIncoming = async (qmp: Qmp, file: string): Promise<void> => {
  await Promise.all([
    qmp.execute("blockdev-add", { ...image(top, file), backing: null }),
    qmp.execute("block-export-add", { type: "nbd", id: top, "node-name": top, name: exportName, writable: true }),
  ]);
};

/** Puts the sealed chain beneath the open incoming layer, so that reads see the disk as it would be. Time and memory grow with the chain. */
export const attachChain = async (qmp: Qmp, file: string, sealed: string): Promise<void> => {
  await qmp.execute("blockdev-add", { ...image(chain, sealed), "read-only": true });
  await qmp.execute("blockdev-reopen", { options: [{ ...image(top, file), backing: chain }] });
};

/** Ends the export and closes the images; what was written is flushed. Nothing when they are not open. */
export const closeIncoming = async (qmp: Qmp): Promise<void> => {
  const deleted = qmp.event("BLOCK_EXPORT_DELETED", (event) => event.data["id"] === top);
  deleted.catch(() => undefined);
  const removed = await found(qmp.execute("block-export-del", { id: top, mode: "hard" }));
  if (removed) await deleted;
  await found(qmp.execute("blockdev-del", { "node-name": top }));
  await found(qmp.execute("blockdev-del", { "node-name": chain }));
};

/** False when QEMU says that what is to be removed is not there. */
const found = async (removal: Promise<unknown>): Promise<boolean> => {
  try {
    await removal;
    return true;
  } catch (error) {
    if (isFault(error) && /not found|failed to find/i.test(error.message)) return false;
    throw error;
  }
};
