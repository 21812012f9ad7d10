import { describe, expect, it } from "vitest";

import { bootPartitionContent, bootSector, fileSystemOffset, linuxPartition } from "#lab/guest/boot-sector.ts";

const mib = 1024 * 1024;
const contentBytes = 20 * mib + 512;

describe("bootPartitionContent", () => {
  it("holds the kernel's parts and the RAM disk one after the other, in whole blocks", () => {
    const realModePart = Buffer.alloc(0xe200, 1);
    const protectedModePart = Buffer.alloc(8192, 2);
    const content = bootPartitionContent({ realModePart, protectedModePart }, Buffer.alloc(100, 3));
    expect(content.length % (127 * 512)).toBe(0);
    expect(content.subarray(0, 0xe200).equals(realModePart)).toBe(true);
    expect(content.subarray(0xe200, 0xe200 + 8192).equals(protectedModePart)).toBe(true);
    expect(content.subarray(0xe200 + 8192, 0xe200 + 8292).every((byte) => byte === 3)).toBe(true);
  });
});

describe("bootSector", () => {
  const sector = bootSector({ contentBytes, diskBytes: 100 * mib });

  it("describes the boot partition and a Linux partition from there to the disk's end", () => {
    expect(sector).toHaveLength(512);
    expect(sector.readUInt8(446)).toBe(0x80);
    expect(sector.readUInt8(450)).toBe(0xda);
    expect(sector.readUInt32LE(454)).toBe(2048);
    expect(fileSystemOffset(contentBytes)).toBe(22 * mib);
    expect(linuxPartition(sector)).toEqual({ offset: 22 * mib, size: 78 * mib });
    expect(sector.subarray(478, 510).every((byte) => byte === 0)).toBe(true);
    expect(sector.readUInt16LE(510)).toBe(0xaa55);
  });

  it("reads the real-mode part first, then so many blocks that none of the content is missing", () => {
    expect(sector.readUInt16LE(0x102)).toBe(0xe200 / 512);
    expect(sector.readUInt32LE(0x108)).toBe(2048);
    expect(sector.readUInt32LE(0x118)).toBe(2048 + 0xe200 / 512);
    const blocks = sector.readUInt16LE(0x154);
    expect(blocks * 127 * 512).toBeGreaterThanOrEqual(contentBytes - 0xe200);
    expect((blocks - 1) * 127 * 512).toBeLessThan(contentBytes - 0xe200);
  });

  it("refuses sizes that are no whole MiB or leave no room for a file system", () => {
    expect(() => bootSector({ contentBytes, diskBytes: 100 * mib + 512 })).toThrow(
      "needs a size in whole MiB from 30 MiB on",
    );
    expect(() => bootSector({ contentBytes, diskBytes: 29 * mib })).toThrow("needs a size in whole MiB from 30 MiB on");
  });
});

describe("linuxPartition", () => {
  it("finds none in a disk without a partition table", () => {
    expect(linuxPartition(Buffer.alloc(512))).toBeUndefined();
  });
});
