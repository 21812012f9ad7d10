import type { Host } from "#domain/configuration.ts";
import type { HostConnection, Lasting, QmpCommand } from "../host.ts";
import { withDeadline } from "./deadline.ts";
import { keepClient } from "./kept-client.ts";
import { Limit } from "./limit.ts";
import { openUnixStream } from "./open-unix.ts";
import { parseMonitorAnswer } from "./monitor-answer.ts";
import { ProcessPool } from "./process-pool.ts";
import { runScript, shellCommand } from "./run-script.ts";
import { runVirsh, virshCommand } from "./run-virsh.ts";

export interface ConnectOptions {
  readonly host: Host;
  /** The worker's SSH agent; `SSH_AUTH_SOCK` where not given. */
  readonly agentSocket?: string;
}

/** sshd allows 10 sessions on a connection (MaxSessions): these two sum up to 9. Enough that a slow command (a freeze, a shutdown) holds nothing else up. */
const virshProcesses = 4;
const shells = 5;
/** Of the shells, so that two are left for everything that somebody waits for. Merges apart: layers that nobody merges would pile up behind a copy. */
const lastingScripts: Readonly<Record<Lasting, number>> = { copy: 1, merge: 2 };
/** How long one waits for its turn: until the order is called off. */
const weeksMs = 14 * 86_400_000;
/** Forwarded sockets are not sessions; this only keeps a mistake from piling them up. */
const forwardLimit = 64;

/**
 * The kept connection to one hypervisor host. Nothing is opened before it is needed; what breaks is opened again by the next call.
 * Everything rejects within a second of cancellation.
 */
export const connectHost = (options: ConnectOptions): HostConnection => {
  const { host } = options;
  const { jumpHost, ...login } = host;
  const client = keepClient({
    login,
    ...(jumpHost === undefined ? {} : { jumpHost: { name: `${host.name}'s jump host`, ...jumpHost } }),
    agentSocket: options.agentSocket ?? process.env["SSH_AUTH_SOCK"],
  });
  const shell = new ProcessPool({ client, command: shellCommand, size: shells });
  const virsh = new ProcessPool({ client, command: virshCommand, size: virshProcesses });
  const forwards = new Limit(forwardLimit);
  const turns = { copy: new Limit(lastingScripts.copy), merge: new Limit(lastingScripts.merge) };
  return {
    name: host.name,
    async run(script, args, { lasting, ...runOptions }) {
      const request = { host: host.name, script, args };
      if (lasting === undefined) return await runScript(shell, { ...request, options: runOptions });
      return await withDeadline({ host: host.name, ...runOptions, timeoutMs: weeksMs }, async (signal) => {
        const giveBack = await turns[lasting].take(signal);
        try {
          return await runScript(shell, { ...request, options: { ...runOptions, signal } });
        } finally {
          giveBack();
        }
      });
    },
    async virsh(commands, bounds) {
      const outputs: string[] = [];
      await runVirsh(virsh, commands, { host: host.name, ...bounds }, (output) => outputs.push(output));
      return outputs;
    },
    async monitor(domain, commands, bounds) {
      const answers: unknown[] = [];
      await runVirsh(
        virsh,
        commands.map((command) => ["qemu-monitor-command", domain, asciiJson(command)]),
        { host: host.name, ...bounds },
        (output, index) => {
          const execute = commands[index]?.execute ?? "";
          answers.push(parseMonitorAnswer({ output, execute, host: host.name, domain, purpose: bounds.purpose }));
        },
      );
      return answers;
    },
    openUnix: (path, signal) => openUnixStream({ host: host.name, client, forwards }, path, signal),
    async [Symbol.asyncDispose]() {
      virsh.close();
      shell.close();
      await client[Symbol.asyncDispose]();
    },
  };
};

/** Escaped to ASCII: the line editor before virsh's parser takes every byte as it is then. */
const asciiJson = (command: QmpCommand): string =>
  JSON.stringify(command).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
