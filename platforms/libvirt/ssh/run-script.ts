import { randomBytes } from "node:crypto";
import { Fault } from "#domain/fault.ts";
import type { RunOptions } from "../host.ts";
import { commandFault } from "./command-fault.ts";
import type { ProcessPool } from "./process-pool.ts";
import { scriptCommand, shellQuote } from "./shell-quote.ts";

/** A shell that reads commands from its standard input: starting a script in it takes 2 ms, an SSH exec of its own took 110 ms in the lab. */
export const shellCommand = "exec env LC_ALL=C.UTF-8 sh";

/**
 * Runs one script in a kept shell of the host, in a process of its own whose input is `stdin` or nothing; `HostConnection.run` says what it promises.
 * What the script leaves running in the background does not hold the answer up.
 */
export const runScript = (
  pool: ProcessPool,
  request: {
    readonly host: string;
    readonly script: string;
    readonly args: readonly string[];
    readonly options: RunOptions;
  },
): Promise<{ readonly stdout: string; readonly stderr: string }> => {
  const { host, script, args, options } = request;
  const { purpose, stdin } = options;
  const words = [script, stdin ?? "", ...args];
  if (words.some((word) => word.includes("\0")))
    throw new Fault("INVALID_INPUT", `A NUL character cannot be passed to a command on host ${host} (to ${purpose}).`);
  const mark = randomBytes(8).toString("hex");
  const command = scriptCommand(script, args);
  const fed = stdin === undefined ? `${command} </dev/null` : `printf %s ${shellQuote(stdin)} | ${command}`;
  return pool.use({ host, ...options }, async (process, signal) => {
    // Between two marks: what the login's profile prints before the shell's first answer is none of it.
    const request = `printf '%s' '<${mark}'\n${fed}\nprintf '%s' " $? >${mark}"; printf '%s' '>${mark}' >&2\n`;
    const frame = await process.exchange(request, `>${mark}`, signal);
    const begin = frame.stdout.indexOf(`<${mark}`) + mark.length + 1;
    const end = frame.stdout.lastIndexOf(" ", frame.stdout.length - 2);
    const stdout = frame.stdout.slice(begin, end);
    const exitCode = Number(frame.stdout.slice(end));
    if (exitCode !== 0)
      throw commandFault({
        host,
        purpose,
        text: frame.stderr,
        details: { exitCode, stdout: stdout.slice(-4_000) },
      });
    return { stdout, stderr: frame.stderr };
  });
};
