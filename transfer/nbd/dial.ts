import type { Socket } from "node:net";
import { Fault, isFault } from "#domain/fault.ts";
import { Intake } from "../wire/intake.ts";
import { dialSocket, dialTls, socketWire, streamWire, type Wire } from "../wire/wire.ts";
import { NbdConnection } from "./connection.ts";
import { describeTransport, lostFault } from "./faults.ts";
import { enterExport, greet, requestTls, type ExportInfo } from "./negotiate.ts";
import type { NbdTransport } from "./options.ts";

export interface DialRequest {
  readonly transport: NbdTransport;
  readonly exportName: string;
  readonly contexts: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Connects, negotiates and enters the export. Rejects with `CONNECTION_LOST`, `TLS_FAILED` or `NBD_FAILED`; leaves nothing open then. */
export async function dialNbd(
  request: DialRequest,
): Promise<{ readonly connection: NbdConnection; readonly info: ExportInfo }> {
  const { transport, timeoutMs } = request;
  const where = `${describeTransport(transport)} (export "${request.exportName}")`;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
  let wire: Wire | undefined;
  try {
    wire = await connect(transport, signal);
    await within(wire, greet(wire, where), signal);
    if (transport.kind === "tcp" && transport.tls !== undefined)
      wire = await secure(wire, { transport, where, signal });
    const info = await within(wire, enterExport(wire, { ...request, where }), signal);
    return { connection: new NbdConnection({ wire, where, info, timeoutMs }), info };
  } catch (cause) {
    wire?.destroy();
    throw asFault(cause, { where, request });
  }
}

async function connect(transport: NbdTransport, signal: AbortSignal): Promise<Wire> {
  if (transport.kind === "stream") return streamWire(await transport.open(signal));
  // Before STARTTLS the socket is read the ordinary way, so that TLS can take it over.
  if (transport.kind === "tcp" && transport.tls !== undefined)
    return streamWire(await dialSocket(transport, { signal }));
  const intake = new Intake();
  const address = transport.kind === "unix" ? { path: transport.path } : { host: transport.host, port: transport.port };
  return socketWire(await dialSocket(address, { intake, signal }), intake);
}

async function secure(
  plain: Wire,
  request: {
    readonly transport: NbdTransport & { readonly kind: "tcp" };
    readonly where: string;
    readonly signal: AbortSignal;
  },
): Promise<Wire> {
  const { transport, where, signal } = request;
  await within(plain, requestTls(plain, where), signal);
  plain.stream.removeAllListeners("data");
  try {
    const socket = plain.stream as Socket;
    return streamWire(await dialTls({ via: { socket }, tls: { minVersion: "TLSv1.2", ...transport.tls }, signal }));
  } catch (cause) {
    signal.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Fault(
      "TLS_FAILED",
      `TLS with the NBD server at ${where} failed: ${reason}. Check the certificates and the authority.`,
      { cause },
    );
  }
}

/** A hand-shake's step, ended by the loss of the connection or by the signal. */
function within<Value>(wire: Wire, step: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    wire.onLost(reject);
    step.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function asFault(cause: unknown, context: { readonly where: string; readonly request: DialRequest }): unknown {
  const { where, request } = context;
  if (request.signal.aborted) return request.signal.reason;
  if (isFault(cause)) return cause;
  const timedOut = cause instanceof Error && cause.name === "TimeoutError";
  if (timedOut)
    return lostFault(where, new Error(`it did not finish the hand-shake within ${request.timeoutMs / 1_000} s`));
  return lostFault(where, cause instanceof Error ? cause : new Error(String(cause)));
}
