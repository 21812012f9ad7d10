import { describe, expect, it } from "vitest";

import { bootArea } from "#lab/guest/boot-sector.ts";

const mib = 1024 * 1024;
const bootImage = Buffer.alloc(512, 0xb0);
const coreImage = Buffer.alloc(1000, 0xc0);

describe("bootArea", () => {
  it("describes one active Linux partition from the first MiB to the disk's end", () => {
    const area = bootArea({ bootImage, coreImage, diskBytes: 100 * mib });
    expect(area.readUInt8(446)).toBe(0x80);
    expect(area.readUInt8(450)).toBe(0x83);
    expect(area.readUInt32LE(454)).toBe(2048);
    expect(area.readUInt32LE(458)).toBe(99 * 2048);
    expect(area.subarray(462, 510).every((byte) => byte === 0)).toBe(true);
    expect(area.readUInt16LE(510)).toBe(0xaa55);
  });

  it("keeps the loader's code out of the partition table and its core image right behind the first sector", () => {
    const area = bootArea({ bootImage, coreImage, diskBytes: 100 * mib });
    expect(area.subarray(0, 440).every((byte) => byte === 0xb0)).toBe(true);
    expect(area.subarray(512, 1512).equals(coreImage)).toBe(true);
    expect(area).toHaveLength(mib);
  });

  it("refuses sizes that are no whole MiB", () => {
    expect(() => bootArea({ bootImage, coreImage, diskBytes: 5 * mib + 512 })).toThrow("needs a size in whole MiB");
  });

  it("refuses a core image that would reach into the partition", () => {
    expect(() => bootArea({ bootImage, coreImage: Buffer.alloc(mib), diskBytes: 5 * mib })).toThrow(
      "does not fit before the first partition",
    );
  });
});
