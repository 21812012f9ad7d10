import { describe, expect, it } from "vitest";

import { bootArea, layOutBoot, linuxPartition } from "#lab/guest/boot-sector.ts";

const mib = 1024 * 1024;
const bootImage = Buffer.alloc(512, 0xb0);
const coreImage = Buffer.alloc(1000, 0xc0);
const layout = layOutBoot({ kernelBytes: 20 * mib + 1, initrdBytes: 5 * mib });
const area = (change: Partial<Parameters<typeof bootArea>[0]> = {}): Buffer =>
  bootArea({ bootImage, coreImage, layout, diskBytes: 100 * mib, ...change });

describe("layOutBoot", () => {
  it("puts the RAM disk behind the kernel and the file system at the next whole MiB", () => {
    expect(layout).toEqual({
      kernel: { first: 2048, count: 20 * 2048 + 1 },
      initrd: { first: 21 * 2048 + 1, count: 5 * 2048 },
      fileSystemBytes: 27 * mib,
    });
  });
});

describe("bootArea", () => {
  it("describes the boot partition and a Linux partition from there to the disk's end", () => {
    const sector = area().subarray(0, 512);
    expect(sector.readUInt8(446)).toBe(0x80);
    expect(sector.readUInt8(450)).toBe(0xda);
    expect(sector.readUInt32LE(454)).toBe(2048);
    expect(linuxPartition(sector)).toEqual({ offset: 27 * mib, size: 73 * mib });
    expect(sector.subarray(478, 510).every((byte) => byte === 0)).toBe(true);
  });

  it("keeps the loader's code out of the partition table and its core image right behind the first sector", () => {
    const bytes = area();
    expect(bytes.subarray(0, 440).every((byte) => byte === 0xb0)).toBe(true);
    expect(bytes.subarray(512, 1512).equals(coreImage)).toBe(true);
    expect(bytes).toHaveLength(mib);
  });

  it("refuses sizes that are no whole MiB or leave no room for a file system", () => {
    expect(() => area({ diskBytes: 100 * mib + 512 })).toThrow("needs a size in whole MiB from 35 MiB on");
    expect(() => area({ diskBytes: 34 * mib })).toThrow("needs a size in whole MiB from 35 MiB on");
  });

  it("refuses a core image that would reach into the partition", () => {
    expect(() => area({ coreImage: Buffer.alloc(mib) })).toThrow("does not fit before the first partition");
  });
});

describe("linuxPartition", () => {
  it("finds none in a disk without a partition table", () => {
    expect(linuxPartition(Buffer.alloc(512))).toBeUndefined();
  });
});
