import type { Duplex } from "node:stream";
import { Fault } from "#domain/fault.ts";
import { withDeadline } from "./deadline.ts";
import type { KeptClient } from "./kept-client.ts";
import type { Limit } from "./limit.ts";

/** A byte stream to a unix socket on the host (OpenSSH's direct-streamlocal). Aborting `signal` later on ends the stream. */
export const openUnixStream = async (
  parts: { readonly host: string; readonly client: KeptClient; readonly forwards: Limit },
  path: string,
  signal: AbortSignal,
): Promise<Duplex> => {
  const { host, client, forwards } = parts;
  const purpose = `open the socket ${path}`;
  return withDeadline({ host, purpose, signal, timeoutMs: 10_000 }, async (bounded) => {
    const giveBack = await forwards.take(bounded);
    try {
      const channel = await client.channel(
        (ssh) =>
          new Promise<Duplex>((resolve, reject) => {
            ssh.openssh_forwardOutStreamLocal(path, (error, opened) => {
              if (error === undefined) resolve(opened);
              else
                reject(
                  new Fault(
                    "COMMAND_FAILED",
                    `Host ${host} could not ${purpose}: ${error.message}. Either nothing listens there any more, or its sshd forbids it (AllowStreamLocalForwarding).`,
                    { cause: error, details: { host, path } },
                  ),
                );
            });
          }),
      );
      const end = (): void => {
        channel.destroy();
      };
      signal.addEventListener("abort", end, { once: true });
      channel.once("close", () => {
        signal.removeEventListener("abort", end);
        giveBack();
      });
      if (bounded.aborted) channel.destroy();
      return channel;
    } catch (error) {
      giveBack();
      throw error;
    }
  });
};
