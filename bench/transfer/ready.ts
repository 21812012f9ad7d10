import { connect } from "node:net";
import type { Readable } from "node:stream";
import { Fault } from "#domain/fault.ts";

/** Whether somebody answers at a socket. */
export const answers = (
  at: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(at);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

/** The port a target worker prints when it listens. */
export async function listening(
  worker: Promise<{ readonly stderr: string }> & { readonly stdout: Readable },
): Promise<string> {
  const said = await Promise.race([
    new Promise<string>((resolve) => worker.stdout.once("data", (text: Buffer) => resolve(text.toString().trim()))),
    worker.then((ended) => {
      throw new Fault("COMMAND_FAILED", `The benchmark's target worker ended: ${ended.stderr}`);
    }),
  ]);
  return said;
}
