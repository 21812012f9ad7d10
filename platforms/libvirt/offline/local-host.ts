import { connect } from "node:net";
import { once } from "node:events";
import { hostname } from "node:os";
import { execa, ExecaError } from "execa";
import { Fault } from "#domain/fault.ts";
import type { StoreHost } from "../target/host-store.ts";

/** This machine as the store's host: no SSH, no worker, no Temporal. */
export const localHost = (): StoreHost => {
  const name = hostname();
  return {
    name,
    async run(script, args, { purpose, signal, timeoutMs, stdin }) {
      try {
        const { stdout, stderr } = await execa("sh", ["-c", script, "sh", ...args], {
          input: stdin ?? "",
          cancelSignal: signal,
          timeout: timeoutMs,
          stripFinalNewline: false,
          maxBuffer: 256 * 1024 * 1024,
          env: { LC_ALL: "C.UTF-8" },
        });
        return { stdout, stderr };
      } catch (cause) {
        if (!(cause instanceof ExecaError)) throw cause;
        if (cause.isCanceled) throw new Fault("CANCELLED", `Cancelled while ${name} was to ${purpose}.`, { cause });
        if (cause.timedOut)
          throw new Fault("COMMAND_TIMED_OUT", `${name} could not ${purpose} within ${timeoutMs / 1000} s.`, { cause });
        const stderr = String(cause.stderr ?? "").trim();
        throw new Fault("COMMAND_FAILED", `${name} could not ${purpose}: ${stderr || "it says nothing"}.`, {
          cause,
          details: { exitCode: cause.exitCode, stderr },
        });
      }
    },
    async openUnix(path, signal) {
      const socket = connect(path);
      try {
        await once(socket, "connect", { signal });
      } catch (cause) {
        socket.destroy();
        throw new Fault("CONNECTION_LOST", `Nothing answers at the socket ${path} on ${name}.`, { cause });
      }
      return socket;
    },
  };
};
