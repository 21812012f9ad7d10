import { randomUUID } from "node:crypto";
import path from "node:path";

import { Fault } from "#domain/fault.ts";

import type { LabHost } from "../hosts/host.ts";
import { macFor } from "./address.ts";
import { buildGuest, type GuestParts } from "./build.ts";
import { type DiskBus, definitionXml } from "./definition.ts";
import { createDisk } from "./disk.ts";
import { guestOn, type LabGuest } from "./guest.ts";
import type { GuestSettings } from "./settings.ts";

const mib = 1024 * 1024;

export interface MachineRequest {
  readonly host: LabHost;
  readonly name: string;
  /** In the lab's subnet, .100 to .199; more than one for as many adapters. */
  readonly addresses: readonly [string, ...string[]];
  /** First disk first; one of 1 GiB by default. */
  readonly disks?: readonly {
    readonly sizeBytes?: number;
    readonly bus?: DiskBus;
    readonly format?: "qcow2" | "raw";
    /** Of the first disk: the file the writer overwrites. 64 MiB by default. */
    readonly blobBytes?: number;
  }[];
  /** `disk` (default): the disk boots by itself, as a real machine's. `kernel`: QEMU starts the kernel, which UEFI machines need. */
  readonly boot?: "disk" | "kernel";
  readonly firmware?: "bios" | "uefi";
  readonly memoryMib?: number;
  readonly settings?: Omit<GuestSettings, "name" | "disks">;
  readonly parts?: GuestParts;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a machine's disks on the host and defines it there, stopped. Takes about 1 s a GiB. */
export const createMachine = async (request: MachineRequest): Promise<LabGuest> => {
  const { host, name, boot = "disk", signal } = request;
  if (request.firmware === "uefi" && boot === "disk") {
    throw new Fault(
      "INVALID_INPUT",
      `The lab's disks boot on a BIOS only; give the UEFI machine ${name} boot: "kernel".`,
    );
  }
  const parts = request.parts ?? (await buildGuest({ signal }));
  const disks = (request.disks ?? [{}]).map((disk, number) => {
    const format = disk.format ?? "qcow2";
    return {
      number,
      format,
      bus: disk.bus ?? "virtio",
      file: path.posix.join(host.images, `${name}-${number}.${format}`),
      sizeBytes: disk.sizeBytes ?? 1024 * mib,
      blobBytes: disk.blobBytes ?? 64 * mib,
    };
  });
  for (const { bus: _, ...disk } of disks) {
    await createDisk({
      ...disk,
      file: host.path(disk.file),
      bootable: boot === "disk" && disk.number === 0,
      settings: { ...request.settings, name, disks: disks.length },
      parts,
      signal,
    });
  }
  const xml = definitionXml({
    name,
    uuid: randomUUID(),
    memoryMib: request.memoryMib ?? 256,
    firmware: request.firmware ?? "bios",
    ...(boot === "kernel" && {
      directKernel: { kernel: request.firmware === "uefi" ? parts.packedKernel : parts.kernel, initrd: parts.initrd },
    }),
    disks,
    adapters: request.addresses.map((address) => ({ mac: macFor(address), bridge: host.bridge })),
  });
  await host.run('cat >"/run/$1.xml" && virsh -q define "/run/$1.xml"', [name], { stdin: xml, signal });
  return guestOn({ host, name, address: request.addresses[0] });
};
