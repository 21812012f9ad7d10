import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** A TCP port nobody listens on at `ip` now. Somebody else may take it before its user does: callers start again with another then. */
export const freePort = async (ip = "127.0.0.1"): Promise<number> => {
  const server = createServer().listen({ host: ip, port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
};

/** Whether that TCP port can be listened on at `ip` now. */
export const isFree = async (ip: string, port: number): Promise<boolean> => {
  const server = createServer().listen({ host: ip, port });
  try {
    await once(server, "listening");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return false;
    throw error;
  }
  server.close();
  await once(server, "close");
  return true;
};
