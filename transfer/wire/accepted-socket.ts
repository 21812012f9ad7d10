import type { TLSSocket } from "node:tls";
import type { Intake } from "./intake.ts";
import { onread, socketWire, streamWire, type Wire } from "./wire.ts";

/**
 * A wire over an accepted TLS socket. Node offers `onread` only to sockets that dial, though the same fields of `net.Socket` make an accepted one
 * read into given buffers: a quarter less work for the side that receives the disk. Where a Node version has no such fields, it is read as any
 * other stream.
 */
export function acceptedWire(socket: TLSSocket, intake: Intake): Wire {
  const fields = findFields(socket);
  if (fields === undefined || socket.readableLength > 0) return streamWire(socket);
  const { buffer, callback } = onread(intake);
  const first = buffer();
  Object.assign(socket, { [fields.buffer]: first, [fields.generator]: buffer, [fields.callback]: callback });
  fields.handle.useUserBuffer(first);
  return socketWire(socket, intake);
}

interface Fields {
  readonly buffer: symbol;
  readonly generator: symbol;
  readonly callback: symbol;
  readonly handle: { useUserBuffer(buffer: Uint8Array): void };
}

function findFields(socket: TLSSocket): Fields | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const find = (description: string): symbol | undefined =>
    symbols.find((symbol) => symbol.description === description);
  const [buffer, generator, callback] = [find("kBuffer"), find("kBufferGen"), find("kBufferCb")];
  const { _handle: handle } = socket as unknown as { readonly _handle?: Partial<Fields["handle"]> };
  if (buffer === undefined || generator === undefined || callback === undefined) return undefined;
  return typeof handle?.useUserBuffer === "function"
    ? { buffer, generator, callback, handle: handle as Fields["handle"] }
    : undefined;
}
