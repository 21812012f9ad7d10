import { Fault } from "#domain/fault.ts";

const sectorBytes = 512;
/** Where the first partition begins: what lies between belongs to the boot loader. */
export const firstPartitionBytes = 1024 * 1024;

/**
 * The start of a disk that boots by itself on a BIOS: GRUB's boot.img with a partition table of one active Linux partition, and its core image in the sectors
 * after it. GRUB's own defaults say that the core image begins in sector 1.
 */
export const bootArea = (request: {
  readonly bootImage: Buffer;
  readonly coreImage: Buffer;
  readonly diskBytes: number;
}): Buffer => {
  const { bootImage, coreImage, diskBytes } = request;
  if (diskBytes % firstPartitionBytes !== 0 || diskBytes < 2 * firstPartitionBytes) {
    throw new Fault(
      "INVALID_INPUT",
      `A disk that boots needs a size in whole MiB from 2 MiB on, and ${diskBytes} bytes were asked for.`,
    );
  }
  if (coreImage.length > firstPartitionBytes - sectorBytes) {
    throw new Fault(
      "INTERNAL",
      `The boot loader's core image has ${coreImage.length} bytes and does not fit before the first partition.`,
    );
  }
  const area = Buffer.alloc(firstPartitionBytes);
  bootImage.copy(area, 0, 0, 440);
  area.writeUInt32LE(0x52445355, 440); // the disk's signature
  const entry = 446;
  area.writeUInt8(0x80, entry); // active
  area.fill(0xff, entry + 1, entry + 4); // CHS addresses: past what they can say
  area.writeUInt8(0x83, entry + 4); // Linux
  area.fill(0xff, entry + 5, entry + 8);
  area.writeUInt32LE(firstPartitionBytes / sectorBytes, entry + 8);
  area.writeUInt32LE((diskBytes - firstPartitionBytes) / sectorBytes, entry + 12);
  area.writeUInt16LE(0xaa55, 510);
  coreImage.copy(area, sectorBytes);
  return area;
};
