import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createSecureContext, createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { Fault } from "#domain/fault.ts";
import type { ServeReplicas, SiteTls } from "../session.ts";
import { cipherSuites } from "../wire/cipher-suites.ts";
import { acceptedWire } from "../wire/accepted-socket.ts";
import { Intake } from "../wire/intake.ts";
import { FrameChannel } from "./channel.ts";
import { toFaultMessage } from "./fault-message.ts";
import { frameType, maximumHelloBytes } from "./frame.ts";
import { readHello, type Hello } from "./messages.ts";
import { peerSite } from "./peer-site.ts";
import { Sessions } from "./sessions.ts";

const helloTimeoutMs = 10_000;

/** Listens for other sites' senders on mutual TLS 1.3 (port 0: any free one). Disposing ends all sessions and closes their replicas. */
export const serveReplicas: ServeReplicas = async ({ address, port, tls, opener }) => {
  const sessions = new Sessions(opener);
  const sockets = new Set<TLSSocket>();
  const server = createServer({
    ...secure(tls),
    requestCert: true,
    // Checked below, so that a refused peer is told why in a sentence rather than by a closed connection.
    rejectUnauthorized: false,
    handshakeTimeout: helloTimeoutMs,
    noDelay: true,
    keepAlive: true,
  });
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    greet(socket, sessions);
  });
  // A peer whose hand-shake fails knows it on its side; nothing of ours depends on it.
  server.on("tlsClientError", (_cause, socket) => socket.destroy());
  server.listen(port, address);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    renew(renewed) {
      // It throws half-way when they cannot be used.
      createSecureContext(secure(renewed));
      server.setSecureContext(secure(renewed));
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      await sessions.end(new Fault("CONNECTION_LOST", "The site's worker is stopping."));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};

const secure = ({ certificate, key, authority }: SiteTls): SecureContextOptions => ({
  cert: certificate,
  key,
  ca: authority,
  minVersion: "TLSv1.3",
  ciphers: cipherSuites,
});

/** Waits for the greeting and hands the connection to its session, or refuses it with a sentence. */
function greet(socket: TLSSocket, sessions: Sessions): void {
  const peer = `The peer at ${socket.remoteAddress}:${socket.remotePort}`;
  const channel = new FrameChannel({
    wire: acceptedWire(socket, new Intake()),
    peer,
    maximumPayload: maximumHelloBytes,
    handler: {
      frame: async (header, payload) => {
        clearTimeout(timeout);
        try {
          if (!socket.authorized) throw untrusted(socket);
          if (header.type !== frameType.hello)
            throw new Fault("PEER_INCOMPATIBLE", "The first message must be a greeting.");
          await accept({ channel, site: peerSite(socket), greeting: readHello(payload), sessions });
        } catch (cause) {
          refuse(channel, cause);
        }
      },
      lost: () => clearTimeout(timeout),
    },
  });
  const timeout = setTimeout(
    () => channel.fail(new Fault("CONNECTION_LOST", `${peer} sent no greeting.`)),
    helloTimeoutMs,
  );
}

async function accept(request: {
  readonly channel: FrameChannel;
  readonly site: string;
  readonly greeting: Hello;
  readonly sessions: Sessions;
}): Promise<void> {
  const { channel, site, greeting, sessions } = request;
  if (greeting.token === undefined) await sessions.open({ channel, site, greeting });
  else sessions.join({ channel, site, token: greeting.token, greeting });
}

/** The sentence goes out before the connection ends. */
export function refuse(channel: FrameChannel, cause: unknown): void {
  const message = toFaultMessage(cause);
  channel.sendJson(frameType.fault, message).catch(() => undefined);
  channel.end(new Fault(message.code, message.message));
}

const untrusted = (socket: TLSSocket): Fault =>
  new Fault(
    "TLS_FAILED",
    `This site does not trust the peer's certificate (${String(socket.authorizationError)}). Issue both sites' certificates by the same authority and check their dates.`,
  );
