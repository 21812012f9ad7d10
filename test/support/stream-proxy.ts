import { once } from "node:events";
import {
  connect as connectPlain,
  createServer as createPlain,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { connect as connectTls, createServer as createTls } from "node:tls";
import type { SiteTls } from "#transfer/session.ts";
import { siteServerName } from "#transfer/session.ts";

/** What a proxy does with bytes on their way to the server; answering nothing swallows them, `cut` breaks both connections. */
export type Meddle = (chunk: Buffer, cut: () => void) => Buffer | undefined;

export interface Proxy extends AsyncDisposable {
  readonly port: number;
}

/** Passes connections on to a port of this machine. */
export const plainProxy = (to: number, meddle: Meddle): Promise<Proxy> =>
  proxy(createPlain(), { dial: () => connectPlain(to, "127.0.0.1"), meddle });

/** The same in the middle of TLS, as somebody who holds both sites' keys: only then can bytes be changed unnoticed by TLS. */
export const tlsProxy = (
  to: number,
  options: { readonly server: SiteTls; readonly client: SiteTls; readonly site: string; readonly meddle: Meddle },
): Promise<Proxy> => {
  const { server, client, site, meddle } = options;
  const listener = createTls({ cert: server.certificate, key: server.key, minVersion: "TLSv1.3" });
  const keys = { cert: client.certificate, key: client.key, ca: client.authority, servername: siteServerName(site) };
  return proxy(listener, { dial: () => connectTls({ host: "127.0.0.1", port: to, ...keys }), meddle });
};

async function proxy(
  server: Server,
  options: { readonly dial: () => Socket; readonly meddle: Meddle },
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const event = "setSecureContext" in server ? "secureConnection" : "connection";
  server.on(event, (near: Socket) => {
    const far = options.dial();
    const cut = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", cut);
      socket.on("end", () => other.end());
    }
    near.on("data", (chunk: Buffer) => {
      const passed = options.meddle(chunk, cut);
      if (passed !== undefined && !far.write(passed)) {
        near.pause();
        far.once("drain", () => near.resume());
      }
    });
    far.on("data", (chunk: Buffer) => near.write(chunk));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
