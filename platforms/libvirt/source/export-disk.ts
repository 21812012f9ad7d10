import { Fault, isFault } from "#domain/fault.ts";
import type { CutId, DiskId, MachineId } from "#domain/ids.ts";
import type { TrackedMachine } from "../../platform.ts";
import type { HostConnection, QmpCommand } from "../host.ts";
import type { LiveMachine } from "./live-machine.ts";
import { exportName, nodeName } from "./node-names.ts";
import type { FoundRecord } from "./records.ts";
import { recordGranularity } from "./tracking-record.ts";
import { listening, socketPath } from "./undo.ts";

/** Where one disk of a cut is read. */
export interface DiskExport {
  readonly socket: string;
  readonly exportName: string;
  /** The bitmap that marks what changed; absent for the whole disk. */
  readonly dirtyBitmap?: string;
}

/**
 * Exports one disk of a running machine's cut over NBD, on a unix socket in the item's folder. QEMU exports only bitmaps that stand still, so what
 * the record holds by now goes into a temporary one; the record itself goes on. Called again it answers the same.
 */
export const exportLiveDisk = async (
  host: HostConnection,
  request: {
    readonly tracked: TrackedMachine;
    readonly cut: CutId;
    readonly disk: DiskId;
    readonly record?: FoundRecord;
    readonly machine: LiveMachine;
    readonly folder: string;
  },
  signal: AbortSignal,
): Promise<DiskExport> => {
  const { tracked, cut, disk, record, machine, folder } = request;
  const key = { item: tracked.item, cut };
  const name = exportName(key, disk, record?.cut);
  const socket = socketPath(folder);
  const found: DiskExport = { socket, exportName: name, ...(record === undefined ? {} : { dirtyBitmap: name }) };
  if (machine.graph.exports.includes(name)) return found;
  const image = machine.disks.find(({ id }) => id === disk)?.image;
  if (image === undefined)
    throw new Fault("CUT_NOT_FOUND", `Disk ${disk} is not in the cut ${cut} of item ${tracked.item}.`, {
      details: { item: tracked.item, cut, disk },
    });
  const bitmap = { node: image.name, name };
  const standStill: readonly QmpCommand[] =
    record === undefined || image.bitmaps.some((each) => each.name === name)
      ? []
      : [copyBitmap({ node: image.name, name, from: record.bitmap })];
  await startServer(host, { machine: tracked.machine, socket }, signal);
  await host.monitor(
    tracked.machine,
    [
      ...standStill,
      {
        execute: "block-export-add",
        arguments: {
          type: "nbd",
          id: name,
          "node-name": nodeName(key, disk, "acc"),
          name,
          bitmaps: record === undefined ? [] : [bitmap],
        },
      },
    ],
    { signal, timeoutMs: 20_000, purpose: `export disk ${disk} of machine ${tracked.machine}` },
  );
  return found;
};

/** In one transaction, so that a half-filled copy is never found. */
const copyBitmap = (copy: { readonly node: string; readonly name: string; readonly from: string }): QmpCommand => ({
  execute: "transaction",
  arguments: {
    actions: [
      {
        type: "block-dirty-bitmap-add",
        data: { node: copy.node, name: copy.name, persistent: false, disabled: true, granularity: recordGranularity },
      },
      { type: "block-dirty-bitmap-merge", data: { node: copy.node, target: copy.name, bitmaps: [copy.from] } },
    ],
  },
});

/** A QEMU process has one NBD server. One of ours is used again; with another tool's we cannot share. */
const startServer = async (
  host: HostConnection,
  request: { readonly machine: MachineId; readonly socket: string },
  signal: AbortSignal,
): Promise<void> => {
  const { machine, socket } = request;
  const found = await listening(host, socket, signal);
  if (found === "yes") return;
  const start = { execute: "nbd-server-start", arguments: { addr: { type: "unix", data: { path: socket } } } };
  const commands = found === "unreachable" ? [{ execute: "nbd-server-stop" }, start] : [start];
  try {
    await host.monitor(machine, commands, {
      signal,
      timeoutMs: 15_000,
      purpose: `start the NBD server of machine ${machine}`,
    });
  } catch (error) {
    if (!isFault(error) || !/already running/i.test(error.message)) throw error;
    // Another disk's opening was faster.
    if ((await listening(host, socket, signal)) !== "yes")
      throw new Fault(
        "COMMAND_FAILED",
        `Machine ${machine} on host ${host.name} is being backed up or migrated by another tool, and QEMU has only one NBD server. It is tried again when that has ended (virsh domjobinfo ${machine}).`,
        { cause: error, details: { host: host.name, machine } },
      );
  }
};
