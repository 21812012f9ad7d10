import { Fault } from "#domain/fault.ts";
import type { Wire } from "../wire/wire.ts";
import { protocolFault } from "./faults.ts";
import { exportFlag, handshakeFlag, info, magic, maximumStringBytes, option, optionReply } from "./protocol.ts";

/** What the server said about its export. */
export interface ExportInfo {
  readonly sizeBytes: number;
  readonly flags: number;
  readonly minimumBlock: number;
  readonly preferredBlock: number;
  readonly maximumPayload: number;
  readonly structured: boolean;
  /** Ids of the granted meta contexts by name. */
  readonly contexts: ReadonlyMap<string, number>;
}

/** Option replies of a sane server are a few hundred bytes; a longer one is refused before memory is given for it. */
const maximumReplyBytes = 65_536;
const maximumReplies = 1_024;

/** The first words of the server; afterwards options can be sent. */
export async function greet(wire: Wire, where: string): Promise<void> {
  const greeting = await wire.intake.take(18);
  if (greeting.readBigUInt64BE(0) !== magic.server) throw protocolFault(where, "it is not an NBD server");
  if (greeting.readBigUInt64BE(8) !== magic.option) throw protocolFault(where, "it only speaks the old negotiation");
  const flags = greeting.readUInt16BE(16);
  if ((flags & handshakeFlag.fixedNewstyle) === 0)
    throw protocolFault(where, "it lacks the fixed newstyle negotiation");
  const answer = Buffer.alloc(4);
  answer.writeUInt32BE(handshakeFlag.fixedNewstyle | (flags & handshakeFlag.noZeroes));
  wire.write([answer]);
}

/** Asks for TLS; once this resolves, the TLS hand-shake follows on the same socket. */
export async function requestTls(wire: Wire, where: string): Promise<void> {
  sendOption(wire, option.startTls, Buffer.alloc(0));
  const reply = await readReply(wire, option.startTls, where);
  if (reply.type !== optionReply.ack) {
    throw new Fault(
      "TLS_FAILED",
      `The NBD server at ${where} does not offer TLS${reply.text}. Start it with TLS required.`,
    );
  }
  if (wire.intake.pendingBytes > 0) throw protocolFault(where, "it sent plain bytes after agreeing to TLS");
}

/** Agrees on structured replies and meta contexts, and enters the transmission phase. */
export async function enterExport(
  wire: Wire,
  request: { readonly where: string; readonly exportName: string; readonly contexts: readonly string[] },
): Promise<ExportInfo> {
  const { where, exportName } = request;
  const name = Buffer.from(exportName, "utf8");
  if (name.length > maximumStringBytes) {
    throw new Fault(
      "INVALID_INPUT",
      `The NBD export name is ${name.length} bytes long; at most ${maximumStringBytes} are allowed.`,
    );
  }
  sendOption(wire, option.structuredReply, Buffer.alloc(0));
  const structured = (await readReply(wire, option.structuredReply, where)).type === optionReply.ack;
  const contexts = structured ? await selectContexts(wire, { ...request, name }) : new Map<string, number>();
  return { ...(await go(wire, { where, exportName, name })), structured, contexts };
}

async function selectContexts(
  wire: Wire,
  request: { readonly where: string; readonly name: Buffer; readonly contexts: readonly string[] },
): Promise<ReadonlyMap<string, number>> {
  const { where, name } = request;
  const queries = request.contexts.map((query) => lengthPrefixed(Buffer.from(query, "utf8")));
  sendOption(wire, option.setMetaContext, Buffer.concat([lengthPrefixed(name), uint32(queries.length), ...queries]));
  const granted = new Map<string, number>();
  for (let count = 0; count < maximumReplies; count += 1) {
    const reply = await readReply(wire, option.setMetaContext, where);
    if (reply.type === optionReply.ack) return granted;
    // A server without meta contexts, or without any of these for this export: the export itself can still be read.
    if (reply.type >= 0x8000_0000) return new Map();
    if (reply.type !== optionReply.metaContext || reply.data.length < 5) {
      throw protocolFault(where, "its answer about meta contexts is malformed");
    }
    granted.set(reply.data.toString("utf8", 4), reply.data.readUInt32BE(0));
  }
  throw protocolFault(where, `it named more than ${maximumReplies} meta contexts`);
}

async function go(
  wire: Wire,
  request: { readonly where: string; readonly exportName: string; readonly name: Buffer },
): Promise<Omit<ExportInfo, "structured" | "contexts">> {
  const { where, exportName } = request;
  sendOption(wire, option.go, Buffer.concat([lengthPrefixed(request.name), uint16(1), uint16(info.blockSize)]));
  let described: { readonly sizeBytes: number; readonly flags: number } | undefined;
  // What a server may assume of a client that was told nothing (proto.md, "Block size constraints").
  let sizes = { minimumBlock: 1, preferredBlock: 4096, maximumPayload: 32 * 1024 * 1024 };
  for (let count = 0; count < maximumReplies; count += 1) {
    const reply = await readReply(wire, option.go, where);
    if (reply.type === optionReply.ack) {
      if (described === undefined) throw protocolFault(where, "it entered the export without telling its size");
      return { ...described, ...sizes };
    }
    if (reply.type !== optionReply.info || reply.data.length < 2) throw refusedExport(where, exportName, reply);
    const kind = reply.data.readUInt16BE(0);
    if (kind === info.export) described = readExport(reply.data, where);
    if (kind === info.blockSize) sizes = readBlockSize(reply.data, where);
  }
  throw protocolFault(where, `it sent more than ${maximumReplies} pieces of information about the export`);
}

function readExport(data: Buffer, where: string): { readonly sizeBytes: number; readonly flags: number } {
  if (data.length !== 12) throw protocolFault(where, "its export information is malformed");
  const size = data.readBigUInt64BE(2);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw protocolFault(where, `it claims an export of ${size} bytes`);
  const flags = data.readUInt16BE(10);
  return { sizeBytes: Number(size), flags: (flags & exportFlag.hasFlags) === 0 ? 0 : flags };
}

function readBlockSize(
  data: Buffer,
  where: string,
): { readonly minimumBlock: number; readonly preferredBlock: number; readonly maximumPayload: number } {
  if (data.length !== 14) throw protocolFault(where, "its block size information is malformed");
  const [minimumBlock, preferredBlock, maximumPayload] = [
    data.readUInt32BE(2),
    data.readUInt32BE(6),
    data.readUInt32BE(10),
  ];
  const powerOfTwo = minimumBlock > 0 && minimumBlock <= 65_536 && (minimumBlock & (minimumBlock - 1)) === 0;
  if (!powerOfTwo || maximumPayload < minimumBlock || preferredBlock < minimumBlock) {
    throw protocolFault(
      where,
      `its block sizes (${minimumBlock}, ${preferredBlock}, ${maximumPayload}) are not allowed`,
    );
  }
  return { minimumBlock, preferredBlock, maximumPayload };
}

function refusedExport(where: string, exportName: string, reply: OptionReply): Fault {
  const details = { where, exportName, reply: reply.type };
  if (reply.type === optionReply.errorTlsRequired) {
    return new Fault(
      "TLS_FAILED",
      `The NBD server at ${where} demands TLS for export "${exportName}". Configure TLS for it.`,
      { details },
    );
  }
  if (reply.type === optionReply.errorUnknown) {
    return new Fault("NBD_FAILED", `The NBD server at ${where} has no export "${exportName}"${reply.text}.`, {
      details,
    });
  }
  if (reply.type === optionReply.errorShutdown) {
    return new Fault("CONNECTION_LOST", `The NBD server at ${where} is shutting down.`, { details });
  }
  return new Fault("NBD_FAILED", `The NBD server at ${where} refused export "${exportName}"${reply.text}.`, {
    details,
  });
}

interface OptionReply {
  readonly type: number;
  readonly data: Buffer;
  /** The server's own words on an error, ready to be appended to a sentence. */
  readonly text: string;
}

async function readReply(wire: Wire, expected: number, where: string): Promise<OptionReply> {
  const header = await wire.intake.take(20);
  if (header.readBigUInt64BE(0) !== magic.optionReply)
    throw protocolFault(where, "an option's answer has the wrong magic");
  if (header.readUInt32BE(8) !== expected) throw protocolFault(where, "it answered an option that was not asked");
  const length = header.readUInt32BE(16);
  if (length > maximumReplyBytes) throw protocolFault(where, `an option's answer is ${length} bytes long`);
  const type = header.readUInt32BE(12);
  const data = await wire.intake.take(length);
  const text = type >= 0x8000_0000 && length > 0 ? ` ("${data.toString("utf8").slice(0, maximumStringBytes)}")` : "";
  return { type, data, text };
}

function sendOption(wire: Wire, number: number, data: Buffer): void {
  const header = Buffer.alloc(16);
  header.writeBigUInt64BE(magic.option, 0);
  header.writeUInt32BE(number, 8);
  header.writeUInt32BE(data.length, 12);
  wire.write([Buffer.concat([header, data])]);
}

const uint16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const lengthPrefixed = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes]);
