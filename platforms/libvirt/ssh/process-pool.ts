import type ssh2 from "ssh2";
import { Fault } from "#domain/fault.ts";
import { commandFault, meaningfulLines } from "./command-fault.ts";
import { type Bounds, withDeadline } from "./deadline.ts";
import { FramedProcess, ProcessEnded } from "./framed-process.ts";
import type { KeptClient } from "./kept-client.ts";
import { Limit } from "./limit.ts";
import { lostFault } from "./ssh-fault.ts";

/** A few kept programs of one kind on one host, started when needed; users beyond their number wait in order. */
export class ProcessPool {
  readonly #client: KeptClient;
  readonly #command: string;
  readonly #limit: Limit;
  readonly #idle: FramedProcess[] = [];

  constructor(options: { readonly client: KeptClient; readonly command: string; readonly size: number }) {
    this.#client = options.client;
    this.#command = options.command;
    this.#limit = new Limit(options.size);
  }

  /** Lends one program to `work`, within the bounds. Its end becomes a Fault: what it said last, or `HOST_UNREACHABLE`. */
  use<Value>(bounds: Bounds, work: (process: FramedProcess, signal: AbortSignal) => Promise<Value>): Promise<Value> {
    const { host, purpose } = bounds;
    return withDeadline(bounds, async (signal) => {
      const giveBack = await this.#limit.take(signal);
      try {
        const process = await this.#take();
        try {
          return await work(process, signal);
        } finally {
          if (!process.closed) this.#idle.push(process);
        }
      } catch (error) {
        if (error instanceof Fault) throw error;
        if (!(error instanceof ProcessEnded))
          throw new Fault(
            "HOST_UNREACHABLE",
            `Host ${host} opened no session to ${purpose}: ${error instanceof Error ? error.message : String(error)}. Does its sshd allow at least 10 sessions on a connection (MaxSessions)?`,
            { cause: error, details: { host, purpose } },
          );
        throw endFault(error, { host, purpose });
      } finally {
        giveBack();
      }
    });
  }

  close(): void {
    for (const process of this.#idle.splice(0)) process.close();
  }

  async #take(): Promise<FramedProcess> {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) if (!kept.closed) return kept;
    return new FramedProcess(await this.#client.channel((ssh) => openExec(ssh, this.#command)));
  }
}

const endFault = (end: ProcessEnded, at: { readonly host: string; readonly purpose: string }): Fault => {
  const text = end.said.trim();
  const code = end.refusedWith;
  const fault = text === "" ? lostFault(at.host, at.purpose, end) : commandFault({ ...at, text });
  if (code === undefined || (text !== "" && fault.code !== "COMMAND_FAILED")) return fault;
  const said = text === "" ? "and said nothing" : `and said only: ${meaningfulLines(text).replaceAll("\n", "; ")}`;
  return new Fault(
    "PERMISSION_DENIED",
    `Host ${at.host} could not ${at.purpose}: the login's shell ended at once with code ${code.toString()} ${said}. Configure root, or a user with a login shell who has the rights of docs/libvirt.md, Privileges.`,
    { cause: end, details: { ...at, exitCode: code, said: text } },
  );
};

const openExec = (client: ssh2.Client, command: string): Promise<ssh2.ClientChannel> =>
  new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error === undefined) resolve(channel);
      else reject(error);
    });
  });
