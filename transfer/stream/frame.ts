import { blockBytes } from "../block.ts";
import { digestBytes } from "../digest/keyed.ts";

/** What a frame is. Numbers are part of the wire format (`docs/formats.md`) and never reused. */
export const frameType = {
  hello: 1,
  welcome: 2,
  fault: 3,
  ping: 4,
  call: 5,
  result: 6,
  cancel: 7,
  open: 8,
  opened: 9,
  blocks: 16,
  zero: 17,
  checkpoint: 18,
  end: 19,
  received: 20,
  checkpointed: 21,
  done: 22,
  digests: 24,
  zeroDigests: 25,
  compared: 26,
} as const;

export const frameFlag = { zstd: 1 } as const;

/** type (1), flags (1), count (2), length of what follows (4), offset or id (8), all big-endian. */
export const headerBytes = 16;

export interface FrameHeader {
  readonly type: number;
  readonly flags: number;
  readonly count: number;
  readonly length: number;
  readonly offset: number;
}

export function writeHeader(into: Buffer, at: number, header: FrameHeader): void {
  into[at] = header.type;
  into[at + 1] = header.flags;
  into.writeUInt16BE(header.count, at + 2);
  into.writeUInt32BE(header.length, at + 4);
  into.writeBigUInt64BE(BigInt(header.offset), at + 8);
}

/** Offsets beyond 2^53 are refused by the caller's range check: they arrive as unsafe integers. */
export const readHeader = (from: Buffer): FrameHeader => ({
  type: from.readUInt8(0),
  flags: from.readUInt8(1),
  count: from.readUInt16BE(2),
  length: from.readUInt32BE(4),
  offset: Number(from.readBigUInt64BE(8)),
});

/** A blocks frame begins with one entry a block: index relative to the frame's offset (4), reserved (4), digest (16). */
export const entryBytes = 8 + digestBytes;
/** 4 MiB: what compression gains by larger frames is below 2 %. */
export const maximumFrameBlocks = 64;
export const maximumBodyBytes = maximumFrameBlocks * blockBytes;
/** Longest payload of any frame. */
export const maximumPayloadBytes = maximumBodyBytes + maximumFrameBlocks * entryBytes;
/** Longest JSON message. Machine definitions and block lists are part of it. */
export const maximumMessageBytes = 4 * 1024 * 1024;
/** Before the peer is known. */
export const maximumHelloBytes = 65_536;
