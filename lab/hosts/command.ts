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

/**
 * Runs a local program to its end. Rejects with `COMMAND_FAILED` (details: exitCode, stderr), `COMMAND_TIMED_OUT` or `CANCELLED`; then nothing that it started runs on
 * either, so that a shell whose program hangs is not waited for.
 */
export const command = async (argv: readonly string[], options: CommandOptions = {}): Promise<CommandOutput> => {
  const [program, ...args] = argv;
  if (program === undefined) throw new Fault("INTERNAL", "A command needs at least a program's name.");
  const { timeoutMs, stdin, cwd, env } = options;
  const ends: AbortSignal[] = [];
  if (options.signal) ends.push(options.signal);
  if (timeoutMs !== undefined) ends.push(AbortSignal.timeout(timeoutMs));
  const end = AbortSignal.any(ends);
  if (end.aborted) throw stopped(argv, end);
  // A process group of its own: `nsenter` and `sh` leave their programs behind when only they themselves are ended.
  const child = execa(program, args, {
    detached: true,
    ...(stdin === undefined ? { stdin: "ignore" as const } : { input: stdin }),
    ...(cwd !== undefined && { cwd }),
    ...(env && { env }),
  });
  const { pid } = child;
  const endGroup = (): void => killGroup(pid);
  end.addEventListener("abort", endGroup);
  running.add(endGroup);
  try {
    const { stdout, stderr } = await child;
    return { stdout, stderr };
  } catch (error) {
    throw end.aborted ? stopped(argv, end, error) : commandFault(argv, error);
  } finally {
    end.removeEventListener("abort", endGroup);
    running.delete(endGroup);
  }
};

/** What is to be ended with this process. */
const running = new Set<() => void>();
process.on("exit", () => {
  for (const end of running) end();
});

const killGroup = (leader: number | undefined): void => {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    // All of it has ended meanwhile.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
};

const shown = (argv: readonly string[]): string => {
  const line = argv.join(" ");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
};

const stopped = (argv: readonly string[], end: AbortSignal, cause?: unknown): Fault => {
  const late = end.reason instanceof DOMException && end.reason.name === "TimeoutError";
  return late
    ? new Fault("COMMAND_TIMED_OUT", `"${shown(argv)}" did not end in time and was stopped.`, { cause })
    : new Fault("CANCELLED", `"${shown(argv)}" was stopped on request.`, { cause });
};

const commandFault = (argv: readonly string[], error: unknown): unknown => {
  if (!(error instanceof ExecaError)) return error;
  const said = String(error.stderr ?? "").trim() || error.shortMessage;
  return new Fault(
    "COMMAND_FAILED",
    `"${shown(argv)}" failed (exit ${error.exitCode ?? error.signal ?? error.code ?? "unknown"}): ${said}`,
    {
      cause: error,
      details: { exitCode: error.exitCode, stderr: error.stderr, stdout: error.stdout },
    },
  );
};
