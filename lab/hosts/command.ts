import { execa, ExecaError } from "execa";

import { Fault } from "#domain/fault.ts";

export interface CommandOptions {
  readonly signal?: AbortSignal | undefined;
  /** Stops the program with `COMMAND_TIMED_OUT`. */
  readonly timeoutMs?: number | undefined;
  readonly stdin?: string | undefined;
  readonly cwd?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a local program to its end. Rejects with `COMMAND_FAILED` (details: exitCode, stderr), `COMMAND_TIMED_OUT` or `CANCELLED`. */
export const command = async (argv: readonly string[], options: CommandOptions = {}): Promise<CommandOutput> => {
  const [program, ...args] = argv;
  if (program === undefined) throw new Fault("INTERNAL", "A command needs at least a program's name.");
  try {
    const { stdout, stderr } = await execa(program, args, {
      ...(options.signal && { cancelSignal: options.signal }),
      ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs }),
      ...(options.stdin === undefined ? { stdin: "ignore" as const } : { input: options.stdin }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.env && { env: options.env }),
    });
    return { stdout, stderr };
  } catch (error) {
    throw commandFault(argv, error);
  }
};

const commandFault = (argv: readonly string[], error: unknown): unknown => {
  if (!(error instanceof ExecaError)) return error;
  const line = argv.join(" ");
  const shown = line.length > 300 ? `${line.slice(0, 300)}…` : line;
  if (error.isCanceled) return new Fault("CANCELLED", `"${shown}" was stopped on request.`, { cause: error });
  if (error.timedOut)
    return new Fault("COMMAND_TIMED_OUT", `"${shown}" did not end in time and was stopped.`, { cause: error });
  const said = String(error.stderr ?? "").trim() || error.shortMessage;
  return new Fault(
    "COMMAND_FAILED",
    `"${shown}" failed (exit ${error.exitCode ?? error.signal ?? error.code ?? "unknown"}): ${said}`,
    {
      cause: error,
      details: { exitCode: error.exitCode, stderr: error.stderr, stdout: error.stdout },
    },
  );
};
