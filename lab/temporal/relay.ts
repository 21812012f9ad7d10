import { connect, createServer } from "node:net";

/**
 * `node lab/temporal/relay.ts IP PORT`: hands connections to IP:PORT on to 127.0.0.1:PORT. A process of its own, so that it serves as long as the server does.
 */
const [ip = "", port = ""] = process.argv.slice(2);

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host: "127.0.0.1", port: Number(port), allowHalfOpen: true, noDelay: true });
  near.pipe(far);
  far.pipe(near);
  // One end's trouble is the other's end; neither is trouble of the relay.
  near.on("error", () => far.destroy());
  far.on("error", () => near.destroy());
  near.on("close", () => far.destroy());
  far.on("close", () => near.destroy());
});
server.listen({ host: ip, port: Number(port) });
