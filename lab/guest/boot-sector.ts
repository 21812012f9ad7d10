import { Fault } from "#domain/fault.ts";

const sectorBytes = 512;
const mib = 1024 * 1024;

/** Where a disk that boots by itself has what. The kernel and the RAM disk lie in a partition of their own without a file system: a boot loader reads it twice as fast. */
export interface BootLayout {
  /** Sectors, as the boot loader names them. */
  readonly kernel: { readonly first: number; readonly count: number };
  readonly initrd: { readonly first: number; readonly count: number };
  /** Where the partition with the file system begins. */
  readonly fileSystemBytes: number;
}

/** The first MiB belongs to the boot loader. */
export const layOutBoot = (sizes: { readonly kernelBytes: number; readonly initrdBytes: number }): BootLayout => {
  const kernel = { first: mib / sectorBytes, count: Math.ceil(sizes.kernelBytes / sectorBytes) };
  const initrd = { first: kernel.first + kernel.count, count: Math.ceil(sizes.initrdBytes / sectorBytes) };
  return { kernel, initrd, fileSystemBytes: Math.ceil(((initrd.first + initrd.count) * sectorBytes) / mib) * mib };
};

/**
 * The first MiB of a disk that boots by itself on a BIOS: GRUB's boot.img with a partition table, and its core image in the sectors after it. GRUB's own defaults say
 * that the core image begins in sector 1.
 */
export const bootArea = (request: {
  readonly bootImage: Buffer;
  readonly coreImage: Buffer;
  readonly layout: BootLayout;
  readonly diskBytes: number;
}): Buffer => {
  const { bootImage, coreImage, layout, diskBytes } = request;
  if (diskBytes % mib !== 0 || diskBytes < layout.fileSystemBytes + 8 * mib) {
    const least = layout.fileSystemBytes / mib + 8;
    throw new Fault(
      "INVALID_INPUT",
      `A disk that boots needs a size in whole MiB from ${least} MiB on, and ${diskBytes} bytes were asked for.`,
    );
  }
  if (coreImage.length > mib - sectorBytes) {
    throw new Fault(
      "INTERNAL",
      `The boot loader's core image has ${coreImage.length} bytes and does not fit before the first partition.`,
    );
  }
  const area = Buffer.alloc(mib);
  bootImage.copy(area, 0, 0, 440);
  area.writeUInt32LE(0x52445355, 440); // the disk's signature
  const noFileSystem = 0xda;
  const linux = 0x83;
  partition(area, 0, { type: noFileSystem, active: true, from: mib, to: layout.fileSystemBytes });
  partition(area, 1, { type: linux, active: false, from: layout.fileSystemBytes, to: diskBytes });
  area.writeUInt16LE(0xaa55, 510);
  coreImage.copy(area, sectorBytes);
  return area;
};

const partition = (
  area: Buffer,
  number: number,
  {
    type,
    active,
    from,
    to,
  }: { readonly type: number; readonly active: boolean; readonly from: number; readonly to: number },
): void => {
  const entry = 446 + number * 16;
  area.writeUInt8(active ? 0x80 : 0, entry);
  area.fill(0xff, entry + 1, entry + 4); // CHS addresses: past what they can say
  area.writeUInt8(type, entry + 4);
  area.fill(0xff, entry + 5, entry + 8);
  area.writeUInt32LE(from / sectorBytes, entry + 8);
  area.writeUInt32LE((to - from) / sectorBytes, entry + 12);
};

/** The place of the Linux partition in a disk's first sector; undefined when it has no partition table. */
export const linuxPartition = (sector: Buffer): { readonly offset: number; readonly size: number } | undefined => {
  if (sector.length < sectorBytes || sector.readUInt16LE(510) !== 0xaa55) return undefined;
  const entry = [446, 462, 478, 494].find((at) => sector.readUInt8(at + 4) === 0x83);
  if (entry === undefined) return undefined;
  return { offset: sector.readUInt32LE(entry + 8) * sectorBytes, size: sector.readUInt32LE(entry + 12) * sectorBytes };
};
