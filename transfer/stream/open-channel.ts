import { Fault, isFault } from "#domain/fault.ts";
import { siteServerName, type SiteTls } from "../session.ts";
import { cipherSuites } from "../wire/cipher-suites.ts";
import { Intake } from "../wire/intake.ts";
import { dialTls, socketWire, type Wire } from "../wire/wire.ts";
import { FrameChannel } from "./channel.ts";
import { fromFaultMessage } from "./fault-message.ts";
import { frameType, maximumHelloBytes } from "./frame.ts";
import { parse, readWelcome, type Hello, type Welcome } from "./messages.ts";

export interface PeerAddress {
  readonly address: string;
  readonly port: number;
  readonly site: string;
  readonly tls: SiteTls;
}

const connectTimeoutMs = 10_000;
/** Opening a replica may start a storage daemon; the peer's pings tell that it still lives. */
const welcomeTimeoutMs = 60_000;

export interface OpenedChannel {
  readonly channel: FrameChannel;
  readonly welcome: Welcome;
  /** How long TCP's hand-shake took: the way there and back. */
  readonly roundTripMs: number;
}

/** One connection of a session, greeted and welcomed. */
export async function openChannel(
  request: { readonly peer: PeerAddress; readonly greeting: Hello },
  signal: AbortSignal,
): Promise<OpenedChannel> {
  const { peer, greeting } = request;
  const name = describePeer(peer);
  const { wire, roundTripMs } = await dial(peer, signal);
  const { promise, resolve, reject } = Promise.withResolvers<Welcome>();
  const channel = new FrameChannel({
    wire,
    peer: name,
    maximumPayload: maximumHelloBytes,
    handler: {
      frame(header, payload) {
        if (header.type === frameType.welcome) resolve(readWelcome(payload));
        else if (header.type === frameType.fault) throw fromFaultMessage(parse(payload));
        else throw new Fault("PEER_INCOMPATIBLE", `${name} did not answer the greeting as expected.`);
      },
      lost: (fault) => reject(duringGreeting(fault, peer)),
    },
  });
  const abort = (): void => channel.fail(new Fault("CANCELLED", `Connecting to ${name} was cancelled.`));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(welcomeTimeoutMs)]);
  limit.addEventListener("abort", abort, { once: true });
  try {
    if (limit.aborted) abort();
    await channel.sendJson(frameType.hello, greeting);
    return { channel, welcome: await promise, roundTripMs };
  } catch (cause) {
    promise.catch(() => undefined);
    channel.fail(new Fault("CANCELLED", `Connecting to ${name} ended.`));
    signal.throwIfAborted();
    if (limit.aborted)
      throw unreachable(peer, `it did not open the replica within ${welcomeTimeoutMs / 1_000} s`, cause);
    // A failed write often only says that the socket is gone; what the peer said before tells why.
    throw await promise.then(
      () => cause,
      (reason: unknown) => reason,
    );
  } finally {
    limit.removeEventListener("abort", abort);
  }
}

async function dial(
  peer: PeerAddress,
  signal: AbortSignal,
): Promise<{ readonly wire: Wire; readonly roundTripMs: number }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]);
  const intake = new Intake();
  const { certificate, key, authority } = peer.tls;
  const servername = siteServerName(peer.site);
  let roundTripMs: number | undefined;
  try {
    const socket = await dialTls({
      via: { host: peer.address, port: peer.port, intake },
      tls: { cert: certificate, key, ca: authority, servername, minVersion: "TLSv1.3", ciphers: cipherSuites },
      onConnected: (handshakeMs) => (roundTripMs = handshakeMs),
      signal: limit,
    });
    return { wire: socketWire(socket, intake), roundTripMs: roundTripMs ?? 0 };
  } catch (cause) {
    signal.throwIfAborted();
    if (roundTripMs !== undefined && isRefusal(cause)) throw tlsFault(peer, cause);
    throw unreachable(peer, cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause), cause);
  }
}

/** Whether one side refused the other, which stays so; else the connection broke in the middle of the hand-shake, or nothing came: a worker that dies, or a line that is cut. */
function isRefusal(cause: unknown): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "string" && !brokenCodes.has(code);
}

const brokenCodes: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "ENETDOWN",
  "ENETUNREACH",
  "EHOSTUNREACH",
]);

function duringGreeting(fault: Fault, peer: PeerAddress): Fault {
  const code =
    fault.code === "CONNECTION_LOST" && fault.cause instanceof Error
      ? (fault.cause as NodeJS.ErrnoException).code
      : undefined;
  // With TLS 1.3 the peer's refusal of our certificate arrives after our side of the hand-shake is done.
  return code?.startsWith("ERR_SSL") === true ? tlsFault(peer, fault.cause) : fault;
}

function tlsFault(peer: PeerAddress, cause: unknown): Fault {
  if (isFault(cause)) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const advice = `Check that both sites' certificates come from the same authority, are in date, and that site "${peer.site}" answers at this address.`;
  return new Fault("TLS_FAILED", `TLS with ${describePeer(peer)} failed: ${reason.replace(/\.$/, "")}. ${advice}`, {
    cause,
    details: { site: peer.site },
  });
}

const unreachable = (peer: PeerAddress, reason: string, cause: unknown): Fault =>
  new Fault(
    "PEER_UNREACHABLE",
    `${describePeer(peer)} cannot be reached: ${reason}. Check that its worker runs and that a firewall lets TCP port ${peer.port} through.`,
    {
      cause,
      details: { site: peer.site, address: peer.address, port: peer.port },
    },
  );

export const describePeer = (peer: PeerAddress): string => `Site "${peer.site}" at ${peer.address}:${peer.port}`;
