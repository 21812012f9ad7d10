import type { Duplex } from "node:stream";
import ssh2 from "ssh2";
import { Fault } from "#domain/fault.ts";
import { loadCredentials } from "./credentials.ts";
import { fingerprint, hostKeyAlgorithms, parsePinnedHostKey } from "./host-key.ts";
import { connectFault } from "./ssh-fault.ts";

/** Where and as whom to log in; a `Host` of the configuration is one. */
export interface Login {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly hostKey: string;
  readonly identityFile?: string;
}

/** How long each step on the way to a host may take. */
export const connectTimeoutMs = 8_000;

/**
 * One SSH connection, logged in. The server's host key must be exactly the pinned one. Dead peers are noticed within 9 s.
 * Rejects with `HOST_UNREACHABLE`, `HOST_KEY_MISMATCH`, `AUTHENTICATION_FAILED`, `CONFIG_INVALID`.
 */
export const openClient = async (
  login: Login,
  options: { readonly agentSocket: string | undefined; readonly through?: Duplex },
): Promise<ssh2.Client> => {
  const pinned = parsePinnedHostKey(login.hostKey, login.name);
  const credentials = await loadCredentials(login, options.agentSocket);
  const client = new ssh2.Client();
  let offered: Buffer | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  client.once("ready", () => {
    resolve(undefined);
  });
  // Stays for the connection's life: an error without a listener would end the process. Those who wait learn of it by "close".
  client.on("error", (error) => {
    const found = offered === undefined || offered.equals(pinned.blob) ? undefined : fingerprint(offered);
    reject(connectFault({ error, login, found, expected: fingerprint(pinned.blob) }));
  });
  client.once("close", () => {
    reject(
      new Fault("HOST_UNREACHABLE", `Host ${login.name} (${at(login)}) closed the connection before the login.`, {
        details: { host: login.name },
      }),
    );
  });
  client.connect({
    ...(options.through === undefined ? { host: login.address, port: login.port } : { sock: options.through }),
    username: login.user,
    ...credentials,
    hostVerifier: (key: Buffer) => {
      offered = key;
      return key.equals(pinned.blob);
    },
    algorithms: {
      serverHostKey: hostKeyAlgorithms(pinned.type) as ssh2.ServerHostKeyAlgorithm[],
      cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"],
      compress: ["none"],
    },
    keepaliveInterval: 3_000,
    keepaliveCountMax: 3,
    readyTimeout: connectTimeoutMs,
  });
  try {
    await promise;
  } catch (error) {
    client.destroy();
    throw error;
  }
  client.setNoDelay(true);
  return client;
};

const at = (login: Login): string => `${login.user}@${login.address}:${login.port.toString()}`;
