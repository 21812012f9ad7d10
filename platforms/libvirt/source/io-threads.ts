import { Fault } from "#domain/fault.ts";
import type { DiskId, MachineId } from "#domain/ids.ts";
import type { HostConnection } from "../host.ts";
import { readDomain } from "../inventory/domain-xml.ts";

/**
 * QEMU's NBD server may be used from other threads than the main one since 9.0. Before, a reader that leaves while a disk is worked on by an I/O thread ends QEMU, and
 * with it the machine (seen with 7.2.22: "nbd_blockdev_client_closed: Assertion `qemu_in_main_thread()` failed"). Whatever else happens to us, that must not.
 */
const safeMajor = 9;

export const ioThreadsAreSafe = (qemuMajor: number): boolean => qemuMajor >= safeMajor;

/** Rejects with `DISK_NOT_TRACKABLE` when one of the disks is worked on by an I/O thread and this QEMU's NBD server cannot bear that. */
export const refuseUnsafeIoThreads = async (
  host: HostConnection,
  request: { readonly machine: MachineId; readonly disks: readonly DiskId[]; readonly liveXml: string },
  signal: AbortSignal,
): Promise<void> => {
  const { machine, disks, liveXml } = request;
  const found = readDomain(liveXml).disks.find(({ id, ioThread }) => ioThread && disks.includes(id));
  if (found === undefined) return;
  const [version] = await host.monitor(machine, [{ execute: "query-version" }], {
    signal,
    timeoutMs: 10_000,
    purpose: `ask machine ${machine} for its QEMU's version`,
  });
  const { qemu } = version as { readonly qemu: { readonly major: number; readonly minor: number } };
  if (ioThreadsAreSafe(qemu.major)) return;
  throw new Fault(
    "DISK_NOT_TRACKABLE",
    `Disk ${found.id} of machine ${machine} is worked on by an I/O thread, and QEMU ${qemu.major.toString()}.${qemu.minor.toString()} ends, machine and all, when a reader leaves such a disk. ${ioThreadCure}`,
    { details: { machine, disk: found.id, qemu } },
  );
};

export const ioThreadCure =
  "Take the attribute iothread out of the driver of the disk (or of its controller) with virsh edit and restart the machine, or upgrade QEMU to 9.0 or newer.";
