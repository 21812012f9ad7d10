import { describe, expect, it } from "vitest";
import { coverBlocks } from "#platforms/libvirt/target/covered-blocks.ts";
import { blockBytes } from "#transfer/block.ts";

describe("the blocks a resynchronization has looked at", () => {
  it("count from the start as far as none is missing", () => {
    const covered = coverBlocks(10 * blockBytes, 0);
    covered.add(2 * blockBytes, blockBytes);
    expect(covered.prefixBytes()).toBe(0);
    covered.add(0, 2 * blockBytes);
    expect(covered.prefixBytes()).toBe(3 * blockBytes);
    covered.add(3 * blockBytes, 7 * blockBytes);
    expect(covered.complete).toBe(true);
  });

  it("do not count when only a part of them was read, but for the disk's end", () => {
    const covered = coverBlocks(blockBytes + 512, 0);
    covered.add(0, blockBytes - 1);
    expect(covered.prefixBytes()).toBe(0);
    covered.add(blockBytes, 512);
    covered.add(0, blockBytes);
    expect([covered.prefixBytes(), covered.complete]).toEqual([blockBytes + 512, true]);
  });

  it("go on where an earlier worker's checkpoint was", () => {
    const covered = coverBlocks(4 * blockBytes, 2 * blockBytes);
    covered.add(2 * blockBytes, 2 * blockBytes);
    expect(covered.complete).toBe(true);
  });
});
