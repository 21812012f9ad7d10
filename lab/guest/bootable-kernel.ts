import { Fault } from "#domain/fault.ts";

/*
 * Unpacking a compressed kernel costs an emulated processor more than 2 s, at every boot. So the disk carries the kernel unpacked: the original's real-mode part, which asks
 * the BIOS for what the kernel must know, and, in place of the unpacker, code that puts the kernel's parts where they belong, enters 64-bit mode and jumps to the kernel.
 * Long runs of zeros are left out, as reading from the disk takes the time.
 * Sources: Linux, Documentation/arch/x86/boot.rst (header, 16- and 32-bit protocol); Intel SDM vol. 3, 10.8.5 (entering IA-32e mode).
 */

/** Where the kernel wants to be; Debian's is linked for it. It takes some 46 MiB from there. */
const kernelAddress = 0x100_0000;
/** Where the protected-mode part is loaded, with the RAM disk behind it: behind all the kernel takes. A guest needs 128 MiB for that. */
export const loadAddress = 0x500_0000;
/** Code and page tables at its start. */
const frontBytes = 0x1_0000;
const page = 4096;

/** Where the real-mode part is loaded, and how much: its stack and the kernel's arguments are in there. */
export const realMode = { segment: 0x9000, bytes: 0xe200, stack: 0xe000 } as const;

export interface BootableKernel {
  readonly realModePart: Buffer;
  /** For `loadAddress`; whole pages. The RAM disk follows. */
  readonly protectedModePart: Buffer;
}

/** Makes a kernel the lab's boot sector can start out of a bzImage's real-mode part and the unpacked kernel (ELF). */
export const makeBootableKernel = (request: {
  readonly bzImage: Buffer;
  readonly kernel: Buffer;
  readonly initrdBytes: number;
  readonly kernelArguments: string;
}): BootableKernel => {
  const { bzImage, kernel } = request;
  const memory = memoryImage(kernel);
  const runs = findRuns(memory);
  const protectedModePart = Buffer.concat([
    front(runs, memory.length),
    ...runs.map(({ start, end }) => memory.subarray(start, end)),
  ]);
  const realModePart = Buffer.alloc(realMode.bytes);
  bzImage.copy(realModePart, 0, 0, ((bzImage.readUInt8(0x1f1) || 4) + 1) * 512);
  realModePart.writeUInt8(0xff, 0x210); // type_of_loader: one without a number
  realModePart.writeUInt8(realModePart.readUInt8(0x211) | 0x80, 0x211); // loadflags: CAN_USE_HEAP
  realModePart.writeUInt32LE(loadAddress, 0x214); // code32_start
  realModePart.writeUInt32LE(loadAddress + protectedModePart.length, 0x218); // ramdisk_image
  realModePart.writeUInt32LE(request.initrdBytes, 0x21c); // ramdisk_size
  realModePart.writeUInt16LE(realMode.stack - 0x200, 0x224); // heap_end_ptr
  realModePart.writeUInt32LE(realMode.segment * 16 + realMode.stack, 0x228); // cmd_line_ptr
  realModePart.write(`${request.kernelArguments}\0`, realMode.stack, "latin1");
  return { realModePart, protectedModePart };
};

/** Lays an ELF kernel's segments out as in memory, from `kernelAddress` on. */
const memoryImage = (elf: Buffer): Buffer => {
  if (
    elf.readUInt32BE(0) !== 0x7f454c46 ||
    elf.readUInt8(4) !== 2 ||
    Number(elf.readBigUInt64LE(24)) !== kernelAddress
  ) {
    throw new Fault(
      "INTERNAL",
      `The unpacked kernel is no 64-bit ELF file that starts at 0x${kernelAddress.toString(16)}; the lab's boot sector cannot start it.`,
    );
  }
  const segments = programHeaders(elf);
  const bytes = Math.max(...segments.map(({ address, memorySize }) => address + memorySize)) - kernelAddress;
  if (kernelAddress + bytes > loadAddress) {
    throw new Fault(
      "INTERNAL",
      `The unpacked kernel takes ${bytes} bytes, more than the lab's boot sector leaves for it.`,
    );
  }
  const memory = Buffer.alloc(Math.ceil(bytes / page) * page);
  for (const { offset, address, fileSize } of segments)
    elf.copy(memory, address - kernelAddress, offset, offset + fileSize);
  blankTypeInformation(elf, segments, memory);
  return memory;
};

/** Bytes of the kernel's memory that are not all zero. */
interface Run {
  readonly start: number;
  readonly end: number;
}

/** Gaps shorter than this are not worth the code to skip them. */
const shortestGap = 64 * page;

/** In whole pages. */
export const findRuns = (memory: Buffer): readonly Run[] => {
  const zeros = Buffer.alloc(page);
  const runs: Run[] = [];
  for (let start = 0; start < memory.length; start += page) {
    if (memory.subarray(start, start + page).equals(zeros)) continue;
    const last = runs.at(-1);
    if (last !== undefined && start - last.end < shortestGap)
      runs[runs.length - 1] = { start: last.start, end: start + page };
    else runs.push({ start, end: start + page });
  }
  return runs;
};

interface Segment {
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

const programHeaders = (elf: Buffer): readonly Segment[] => {
  const [start, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)];
  const loadable = 1;
  return Array.from({ length: count }, (_, index) => start + index * size)
    .filter((at) => elf.readUInt32LE(at) === loadable)
    .map((at) => ({
      offset: Number(elf.readBigUInt64LE(at + 8)),
      address: Number(elf.readBigUInt64LE(at + 24)),
      fileSize: Number(elf.readBigUInt64LE(at + 32)),
      memorySize: Number(elf.readBigUInt64LE(at + 40)),
    }));
};

/** Zeros `.BTF`, 4 MB that only BPF programs want to know: zeros need not be read from the disk. */
const blankTypeInformation = (elf: Buffer, segments: readonly Segment[], memory: Buffer): void => {
  const [start, size, count, names] = [
    Number(elf.readBigUInt64LE(40)),
    elf.readUInt16LE(58),
    elf.readUInt16LE(60),
    elf.readUInt16LE(62),
  ];
  const namesAt = Number(elf.readBigUInt64LE(start + names * size + 24));
  for (let at = start; at < start + count * size; at += size) {
    const nameAt = namesAt + elf.readUInt32LE(at);
    if (elf.toString("latin1", nameAt, nameAt + 5) !== ".BTF\0") continue;
    const [offset, length] = [Number(elf.readBigUInt64LE(at + 24)), Number(elf.readBigUInt64LE(at + 32))];
    const segment = segments.find((each) => offset >= each.offset && offset + length <= each.offset + each.fileSize);
    if (segment === undefined) continue;
    const inMemory = segment.address - kernelAddress + offset - segment.offset;
    memory.fill(0, inMemory, inMemory + length);
  }
};

const pageTables = loadAddress + page;
const descriptors = loadAddress + 0x800;

/** The code that runs first, its descriptor table, and page tables that map the first 4 GiB to themselves. */
const front = (runs: readonly Run[], memoryBytes: number): Buffer => {
  const bytes = Buffer.alloc(frontBytes);
  const code = entryCode(runs, memoryBytes);
  if (code.length > descriptors - loadAddress)
    throw new Fault("INTERNAL", `The kernel's entry code has ${code.length} bytes, more than there is room for.`);
  code.copy(bytes);
  const table = descriptors - loadAddress;
  bytes.writeUInt16LE(4 * 8 - 1, table); // what lgdt reads: limit and address
  bytes.writeUInt32LE(descriptors + 8, table + 2);
  bytes.writeBigUInt64LE(0x00af_9a00_0000_ffffn, table + 8 + 0x10); // 64-bit code
  bytes.writeBigUInt64LE(0x00cf_9200_0000_ffffn, table + 8 + 0x18); // data
  const presentWritable = 0x3;
  const large = 0x80;
  const directories = 4;
  bytes.writeBigUInt64LE(BigInt((pageTables + page) | presentWritable), page);
  for (let directory = 0; directory < directories; directory++) {
    const directoryAddress = pageTables + (2 + directory) * page;
    bytes.writeBigUInt64LE(BigInt(directoryAddress | presentWritable), 2 * page + directory * 8);
    for (let entry = 0; entry < 512; entry++) {
      const target = BigInt(directory * 512 + entry) * 0x20_0000n;
      bytes.writeBigUInt64LE(target | BigInt(presentWritable | large), directoryAddress - loadAddress + entry * 8);
    }
  }
  return bytes;
};

/** Entered in 32-bit mode without paging, with the loader's parameters at esi; enters the kernel in 64-bit mode with them at rsi. */
const entryCode = (runs: readonly Run[], memoryBytes: number): Buffer => {
  const in32 = [
    [0xfa, 0xfc], // cli; cld
    [0x89, 0xf3], // mov ebx, esi
    [0x31, 0xc0], // xor eax, eax
    [0xbe, ...word(loadAddress + frontBytes)], // mov esi, the first run
    [0xbf, ...word(kernelAddress)], // mov edi, where it goes
    ...layOut(runs, memoryBytes),
    [0x0f, 0x01, 0x15, ...word(descriptors)], // lgdt
    [0x0f, 0x20, 0xe0, 0x83, 0xc8, 0x20, 0x0f, 0x22, 0xe0], // cr4 |= PAE
    [0xb8, ...word(pageTables), 0x0f, 0x22, 0xd8], // cr3 = page tables
    [0xb9, ...word(0xc000_0080), 0x0f, 0x32, 0x0d, ...word(0x100), 0x0f, 0x30], // EFER |= LME
    [0x0f, 0x20, 0xc0, 0x0d, ...word(0x8000_0000), 0x0f, 0x22, 0xc0], // cr0 |= PG
  ].flat();
  const jump = 7;
  const in64 = [
    [0xb8, ...word(0x18), 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0], // mov eax, data; ds, es, ss = ax
    [0x89, 0xde], // mov esi, ebx: clears the upper half of rsi
    [0xb8, ...word(kernelAddress), 0xff, 0xe0], // mov eax, kernel; jmp rax
  ].flat();
  return Buffer.from([...in32, 0xea, ...word(loadAddress + in32.length + jump), 0x10, 0x00, ...in64]);
};

/** Copies each run and zeros the gaps, also those behind the last: the loader may have used that memory. esi and edi go along. */
const layOut = (runs: readonly Run[], memoryBytes: number): readonly (readonly number[])[] => {
  const ends = [0, ...runs.map(({ end }) => end)];
  const steps = runs.flatMap(({ start, end }, index) => [
    [0xb9, ...word((start - (ends[index] ?? 0)) / 4), 0xf3, 0xab], // mov ecx, words; rep stosd
    [0xb9, ...word((end - start) / 4), 0xf3, 0xa5], // mov ecx, words; rep movsd
  ]);
  return [...steps, [0xb9, ...word((memoryBytes - (ends.at(-1) ?? 0)) / 4), 0xf3, 0xab]];
};

const word = (value: number): readonly number[] => [
  value & 0xff,
  (value >>> 8) & 0xff,
  (value >>> 16) & 0xff,
  value >>> 24,
];
