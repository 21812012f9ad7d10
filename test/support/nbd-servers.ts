import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A real NBD server, gone after `await using`. */
export interface NbdServer extends AsyncDisposable {
  readonly process: ChildProcess;
}

/** Starts a server program and waits until its socket (or what `ready` looks for) is there. */
export async function startServer(
  program: string,
  args: readonly string[],
  ready: string | (() => Promise<boolean>),
): Promise<NbdServer> {
  const process = spawn(program, [...args], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  process.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const isReady = typeof ready === "string" ? () => listens({ path: ready }) : ready;
  for (let attempt = 0; !(await isReady()); attempt += 1) {
    if (process.exitCode !== null || attempt > 500) throw new Error(`${program} did not start: ${said}`);
    await sleep(10);
  }
  return {
    process,
    async [Symbol.asyncDispose]() {
      if (process.exitCode !== null || process.signalCode !== null) return;
      process.kill("SIGKILL");
      await once(process, "exit");
    },
  };
}

export const nbdkit = (socket: string, ...args: readonly string[]): Promise<NbdServer> =>
  startServer("nbdkit", ["-f", "-U", socket, ...args], socket);

/** A TCP port nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export const listens = (
  at: { readonly path: string } | { readonly port: number; readonly host: string },
): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(at);
    socket.once("connect", () => socket.destroy());
    socket.once("error", () => resolve(false));
    socket.once("close", (failed) => resolve(!failed));
  });
