/** Numbers of the NBD protocol (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md). */

export const magic = {
  server: 0x4e42444d41474943n,
  option: 0x49484156454f5054n,
  optionReply: 0x3e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
  structuredReply: 0x668e33ef,
} as const;

export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = { abort: 2, startTls: 5, go: 7, structuredReply: 8, setMetaContext: 10 } as const;

export const optionReply = {
  ack: 1,
  info: 3,
  metaContext: 4,
  errorUnsupported: 0x8000_0001,
  errorPolicy: 0x8000_0002,
  errorInvalid: 0x8000_0003,
  errorTlsRequired: 0x8000_0005,
  errorUnknown: 0x8000_0006,
  errorShutdown: 0x8000_0007,
  errorBlockSizeRequired: 0x8000_0008,
} as const;

export const info = { export: 0, blockSize: 3 } as const;

export const exportFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendWriteZeroes: 1 << 6,
  multiConnection: 1 << 8,
} as const;

export const command = { read: 0, write: 1, disconnect: 2, flush: 3, writeZeroes: 6, blockStatus: 7 } as const;
export type CommandName = "read" | "write" | "flush" | "writeZeroes" | "blockStatus";

export const commandFlag = { fua: 1 } as const;

export const chunk = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 0x8001,
  errorOffset: 0x8002,
} as const;
export const chunkFlagDone = 1;

export const allocationFlag = { hole: 1, zero: 2 } as const;
export const dirtyFlag = 1;

export const errno = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EACCES: 13,
  EINVAL: 22,
  ENOSPC: 28,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;

/** Longest export, query and message string the protocol allows. */
export const maximumStringBytes = 4096;
