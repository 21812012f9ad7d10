import { describe, expect, it } from "vitest";

import { findRuns, makeBootableKernel } from "#lab/guest/bootable-kernel.ts";

const page = 4096;

describe("findRuns", () => {
  it("leaves long stretches of zeros out and keeps short ones in", () => {
    const memory = Buffer.alloc(400 * page);
    memory.writeUInt8(1, 0);
    memory.writeUInt8(1, 10 * page + 7); // a short gap before it
    memory.writeUInt8(1, 300 * page); // a long one
    expect(findRuns(memory)).toEqual([
      { start: 0, end: 11 * page },
      { start: 300 * page, end: 301 * page },
    ]);
  });
});

/** An ELF file with one segment at the address Debian's kernels are linked for. */
const tinyKernel = (content: Buffer, memorySize: number): Buffer => {
  const elf = Buffer.alloc(page);
  elf.writeUInt32BE(0x7f454c46);
  elf.writeUInt8(2, 4);
  elf.writeBigUInt64LE(0x1000000n, 24);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64);
  elf.writeBigUInt64LE(BigInt(page), 72);
  elf.writeBigUInt64LE(0x1000000n, 88);
  elf.writeBigUInt64LE(BigInt(content.length), 96);
  elf.writeBigUInt64LE(BigInt(memorySize), 104);
  return Buffer.concat([elf, content]);
};

const bzImage = (): Buffer => {
  const header = Buffer.alloc(3 * 512 + 100);
  header.writeUInt8(2, 0x1f1);
  header.write("HdrS", 0x202);
  return header;
};

const make = (kernel: Buffer) =>
  makeBootableKernel({ bzImage: bzImage(), kernel, initrdBytes: 777, kernelArguments: "quiet" });

describe("makeBootableKernel", () => {
  it("tells the real-mode part where everything will be", () => {
    const { realModePart, protectedModePart } = make(tinyKernel(Buffer.alloc(page, 0x90), page));
    expect(realModePart.toString("latin1", 0x202, 0x206)).toBe("HdrS");
    expect(realModePart.readUInt32LE(0x214)).toBe(0x5000000);
    expect(realModePart.readUInt32LE(0x218)).toBe(0x5000000 + protectedModePart.length);
    expect(realModePart.readUInt32LE(0x21c)).toBe(777);
    const line = realModePart.readUInt32LE(0x228) - 0x90000;
    expect(realModePart.toString("latin1", line, line + 6)).toBe("quiet\0");
  });

  it("is a page table of the first 4 GiB and the kernel's bytes", () => {
    const content = Buffer.alloc(2 * page, 0x90);
    const { protectedModePart } = make(tinyKernel(content, 3 * page));
    expect(protectedModePart.readBigUInt64LE(page)).toBe(0x5002003n); // to the directory pointers
    expect(protectedModePart.readBigUInt64LE(3 * page + 8)).toBe(0x200083n); // the second 2 MiB, onto itself
    expect(protectedModePart.readBigUInt64LE(6 * page + 511 * 8)).toBe(0xffe00083n); // the last below 4 GiB
    expect(protectedModePart.subarray(0x10000).equals(content)).toBe(true);
  });

  it("refuses a kernel that is linked for another address", () => {
    const kernel = tinyKernel(Buffer.alloc(page), page);
    kernel.writeBigUInt64LE(0x200000n, 24);
    expect(() => make(kernel)).toThrow("is no 64-bit ELF file that starts at 0x1000000");
  });

  it("refuses a kernel that would reach into where it is loaded", () => {
    expect(() => make(tinyKernel(Buffer.alloc(page), 0x4000001))).toThrow(
      "more than the lab's boot sector leaves for it",
    );
  });
});
