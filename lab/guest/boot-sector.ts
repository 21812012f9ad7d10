import { Fault } from "#domain/fault.ts";

import { type BootableKernel, loadAddress, realMode } from "./bootable-kernel.ts";

const sectorBytes = 512;
const mib = 1024 * 1024;
/** The first partition begins here, as is usual. */
export const bootPartitionOffset = mib;
const blockSectors = 127; // what one BIOS call reads, and what fits a segment

/**
 * What is between a disk's first MiB and its file system: kernel and RAM disk, in the order the boot sector reads them. Without a file system, as a boot loader that knows
 * one reads at a tenth of the speed.
 */
export const bootPartitionContent = (kernel: BootableKernel, initrd: Buffer): Buffer =>
  padTo(
    Buffer.concat([padTo(kernel.realModePart, sectorBytes), kernel.protectedModePart, initrd]),
    sectorBytes * blockSectors,
  );

/** Where the file system of a disk with that boot partition begins. */
export const fileSystemOffset = (contentBytes: number): number =>
  bootPartitionOffset + Math.ceil(contentBytes / mib) * mib;

/** The first sector of a disk that boots by itself on a BIOS: code and partition table. */
export const bootSector = (request: { readonly contentBytes: number; readonly diskBytes: number }): Buffer => {
  const { contentBytes, diskBytes } = request;
  const fileSystem = fileSystemOffset(contentBytes);
  if (diskBytes % mib !== 0 || diskBytes < fileSystem + 8 * mib) {
    const least = fileSystem / mib + 8;
    throw new Fault(
      "INVALID_INPUT",
      `A disk that boots needs a size in whole MiB from ${least} MiB on, and ${diskBytes} bytes were asked for.`,
    );
  }
  const sector = Buffer.alloc(sectorBytes);
  const realModeSectors = realMode.bytes / sectorBytes;
  const blocks = Math.ceil((contentBytes / sectorBytes - realModeSectors) / blockSectors);
  loaderCode({ first: bootPartitionOffset / sectorBytes, realModeSectors, blocks }).copy(sector);
  sector.writeUInt32LE(0x52445355, 440); // the disk's signature
  const noFileSystem = 0xda;
  const linux = 0x83;
  partition(sector, 0, { type: noFileSystem, active: true, from: bootPartitionOffset, to: fileSystem });
  partition(sector, 1, { type: linux, active: false, from: fileSystem, to: diskBytes });
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
};

const origin = 0x7c00; // where a BIOS puts the first sector
const tables = 0x100; // of what the code works with, from the sector's start
const at = {
  readRealMode: origin + tables,
  readBlock: origin + tables + 0x10,
  descriptors: origin + tables + 0x20, // as INT 15h, AH=87h wants them: 2 is the source, 3 the target
  target: origin + tables + 0x50,
  blocks: origin + tables + 0x54,
  drive: origin + tables + 0x56,
} as const;
/** Blocks are read to here before they go up. */
const bounce = 0x1_0000;

/** Reads the real-mode part, then block after block to high memory by the BIOS, then enters the real-mode part. Sources: Phoenix EDD 3.0 (INT 13h, AH=42h); boot.rst. */
const loaderCode = (plan: {
  readonly first: number;
  readonly realModeSectors: number;
  readonly blocks: number;
}): Buffer => {
  const read = (packet: number): readonly number[] => [
    ...[0x8a, 0x16, ...half(at.drive)], // mov dl, [drive]
    ...[0xbe, ...half(packet), 0xb4, 0x42, 0xcd, 0x13], // mov si, packet; mov ah, 42h; int 13h
  ];
  const begin = [
    [0xfa, 0xfc, 0x31, 0xc0], // cli; cld; xor ax, ax
    [0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, ...half(origin), 0xfb], // ds, es, ss = 0; mov sp, 7c00h; sti
    [0x88, 0x16, ...half(at.drive)], // mov [drive], dl
    read(at.readRealMode),
  ].flat();
  const blockLoop = [
    read(at.readBlock),
    [0x66, 0x83, 0x06, ...half(at.readBlock + 8), blockSectors], // add dword [block's sector], 127
    [0x66, 0xa1, ...half(at.target)], // mov eax, [target]
    [0x66, 0xa3, ...half(at.descriptors + 0x1a)], // the target descriptor's base, bits 0–23
    [0xc6, 0x06, ...half(at.descriptors + 0x1d), 0x93], // its access byte again
    [0x66, 0xc1, 0xe8, 0x18, 0xa2, ...half(at.descriptors + 0x1f)], // bits 24–31
    [0x66, 0x81, 0x06, ...half(at.target), ...word(blockSectors * sectorBytes)], // add dword [target], the block's bytes
    [0xbe, ...half(at.descriptors), 0xb9, ...half((blockSectors * sectorBytes) / 2)], // mov si, descriptors; mov cx, words
    [0xb4, 0x87, 0xcd, 0x15], // mov ah, 87h; int 15h
    [0xff, 0x0e, ...half(at.blocks)], // dec word [blocks]
  ].flat();
  const again = [0x75, 0x100 - (blockLoop.length + 2)]; // jnz
  const enter = [
    [0xfa, 0xb8, ...half(realMode.segment)], // cli; mov ax, 9000h
    [0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xe0, 0x8e, 0xe8, 0x8e, 0xd0], // ds, es, fs, gs, ss
    [0xbc, ...half(realMode.stack), 0xea, ...half(0), ...half(realMode.segment + 0x20)], // mov sp; jmp 9020h:0
  ].flat();
  const code = Buffer.alloc(440);
  Buffer.from([...begin, ...blockLoop, ...again, ...enter]).copy(code);
  packet(plan.first, plan.realModeSectors, realMode.segment * 16).copy(code, at.readRealMode - origin);
  packet(plan.first + plan.realModeSectors, blockSectors, bounce).copy(code, at.readBlock - origin);
  descriptor(bounce).copy(code, at.descriptors - origin + 0x10);
  descriptor(loadAddress).copy(code, at.descriptors - origin + 0x18);
  code.writeUInt32LE(loadAddress, at.target - origin);
  code.writeUInt16LE(plan.blocks, at.blocks - origin);
  return code;
};

const packet = (sector: number, count: number, address: number): Buffer =>
  Buffer.from([0x10, 0, ...half(count), ...half(0), ...half(address / 16), ...word(sector), ...word(0)]);

const descriptor = (base: number): Buffer => Buffer.from([0xff, 0xff, ...word(base).slice(0, 3), 0x93, 0, base >>> 24]);

const half = (value: number): readonly number[] => [value & 0xff, (value >>> 8) & 0xff];
const word = (value: number): readonly number[] => [...half(value), ...half(value >>> 16)];

const padTo = (bytes: Buffer, multiple: number): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((multiple - (bytes.length % multiple)) % multiple)]);

const partition = (
  sector: Buffer,
  number: number,
  {
    type,
    active,
    from,
    to,
  }: { readonly type: number; readonly active: boolean; readonly from: number; readonly to: number },
): void => {
  const entry = 446 + number * 16;
  sector.writeUInt8(active ? 0x80 : 0, entry);
  sector.fill(0xff, entry + 1, entry + 4); // CHS addresses: past what they can say
  sector.writeUInt8(type, entry + 4);
  sector.fill(0xff, entry + 5, entry + 8);
  sector.writeUInt32LE(from / sectorBytes, entry + 8);
  sector.writeUInt32LE((to - from) / sectorBytes, entry + 12);
};

/** The place of the Linux partition in a disk's first sector; undefined when it has no partition table. */
export const linuxPartition = (sector: Buffer): { readonly offset: number; readonly size: number } | undefined => {
  if (sector.length < sectorBytes || sector.readUInt16LE(510) !== 0xaa55) return undefined;
  const entry = [446, 462, 478, 494].find((start) => sector.readUInt8(start + 4) === 0x83);
  if (entry === undefined) return undefined;
  return { offset: sector.readUInt32LE(entry + 8) * sectorBytes, size: sector.readUInt32LE(entry + 12) * sectorBytes };
};
