import type ssh2 from "ssh2";
import { Fault } from "#domain/fault.ts";
import { connectTimeoutMs, type Login, openClient } from "./open-client.ts";

export interface KeptClientOptions {
  readonly login: Login;
  /** Reached first; the connection to `login` then runs inside it. */
  readonly jumpHost?: Login;
  readonly agentSocket: string | undefined;
}

/** The one SSH connection to a host: made when first needed, made again after it broke. */
export interface KeptClient extends AsyncDisposable {
  /**
   * Opens a channel. When the kept connection turns out to be dead before the channel was there, it is tried once more on a new one:
   * nothing can have happened on the host by then.
   */
  channel<Channel>(open: (client: ssh2.Client) => Promise<Channel>): Promise<Channel>;
}

export const keepClient = (options: KeptClientOptions): KeptClient => {
  let current: Promise<ssh2.Client> | undefined;
  const dead = new WeakSet<ssh2.Client>();
  let disposed = false;

  const connect = (): Promise<ssh2.Client> => {
    if (disposed)
      return Promise.reject(
        // Nobody called the step off: its next attempt finds the host under its settings of now.
        new Fault("CONNECTION_LOST", `The connection to host ${options.login.name} was closed by this worker.`),
      );
    if (current !== undefined) return current;
    const made = open(options).then((client) => {
      client.once("close", () => {
        dead.add(client);
        forget();
      });
      if (disposed) client.end();
      return client;
    });
    const forget = (): void => {
      if (current === made) current = undefined;
    };
    current = made;
    made.catch(forget);
    return made;
  };

  return {
    async channel(openChannel) {
      const client = await connect();
      try {
        return await openChannel(client);
      } catch (error) {
        if (!dead.has(client) && !/not connected/i.test(error instanceof Error ? error.message : "")) throw error;
        return openChannel(await connect());
      }
    },
    async [Symbol.asyncDispose]() {
      disposed = true;
      const client = await current?.catch(() => undefined);
      current = undefined;
      if (client === undefined || dead.has(client)) return;
      const closed = new Promise<void>((resolve) => {
        client.once("close", () => {
          resolve();
        });
        // A host that is gone never answers the goodbye.
        setTimeout(resolve, 500).unref();
      });
      client.end();
      await closed;
      client.destroy();
    },
  };
};

const open = async ({ login, jumpHost, agentSocket }: KeptClientOptions): Promise<ssh2.Client> => {
  if (jumpHost === undefined) return openClient(login, { agentSocket });
  const jump = await openClient(jumpHost, { agentSocket });
  try {
    const through = await forward(jump, jumpHost.name, login);
    const client = await openClient(login, { agentSocket, through });
    client.once("close", () => jump.end());
    return client;
  } catch (error) {
    jump.destroy();
    throw error;
  }
};

/** The channel through the jump host, on which nobody may answer for minutes: packets that get lost beyond it are its kernel's to give up on. */
const forward = (jump: ssh2.Client, jumpName: string, login: Login): Promise<ssh2.ClientChannel> => {
  const { promise, resolve, reject } = Promise.withResolvers<ssh2.ClientChannel>();
  const at = `${login.address}:${login.port.toString()}`;
  const details = { host: login.name, jumpHost: jumpName };
  const timer = setTimeout(() => {
    reject(
      new Fault(
        "HOST_UNREACHABLE",
        `The jump host ${jumpName} has not reached host ${login.name} at ${at} within ${(connectTimeoutMs / 1_000).toString()} s: is it on, and does its network let the jump host in?`,
        { details },
      ),
    );
  }, connectTimeoutMs);
  jump.forwardOut("127.0.0.1", 0, login.address, login.port, (error, channel) => {
    clearTimeout(timer);
    if (error === undefined) resolve(channel);
    else
      reject(
        new Fault(
          "HOST_UNREACHABLE",
          `The jump host ${jumpName} cannot reach host ${login.name} at ${at}: ${error.message}.`,
          { cause: error, details },
        ),
      );
  });
  return promise;
};
