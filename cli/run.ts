import { CommanderError, type Command } from "commander";
import type { CliContext } from "./context.ts";
import { report } from "./failure.ts";
import { buildProgram } from "./program.ts";
import { failureOf } from "#client/failure.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";

/** Runs one command line and answers the exit code. Never rejects. */
export const runCli = async (args: readonly string[], context: CliContext): Promise<number> => {
  let code: number = exitCodes.ok;
  // After `--` a word is a word: `lab` passes what follows it on.
  const json = args.includes("--json");
  const program = buildProgram({
    context,
    exit: (given) => {
      code = given;
    },
    tell: (sentence) => {
      if (!json) context.terminal.err(`${sentence}\n`);
    },
  });
  quietly(program, context);
  try {
    if (args.length === 0) {
      context.terminal.err(program.helpInformation());
      return exitCodes.usage;
    }
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    return report(context, failureOf(error instanceof CommanderError ? wrongUse(error, program, args) : error), json);
  }
};

/** Errors are told by `report` alone, help goes where results go, and nothing ends the process but `main.ts`. */
const quietly = (command: Command, context: CliContext): void => {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => {
      context.terminal.out(text);
    },
    writeErr: (text) => {
      // A group without its command (`understudy pki`) shows its help here.
      context.terminal.err(text);
    },
    outputError: () => undefined,
    getOutHelpWidth: () => context.terminal.columns,
    getErrHelpWidth: () => context.terminal.columns,
  });
  for (const inner of command.commands) quietly(inner, context);
};

/** The words that name the command: those before the first that is none. */
const commandWords = (command: Command, args: readonly string[]): readonly string[] => {
  const [word, ...rest] = args;
  const inner = command.commands.find((candidate) => candidate.name() === word);
  return inner === undefined ? [command.name()] : [command.name(), ...commandWords(inner, rest)];
};

const wrongUse = (error: CommanderError, program: Command, args: readonly string[]): Fault => {
  const command = commandWords(program, args).join(" ");
  if (error.code === "commander.help")
    return new Fault("INVALID_INPUT", `${command} needs one of its commands (above).`);
  const sentence = error.message
    .replace(/^error: /u, "")
    .replaceAll(/\s*\n\s*/gu, " ")
    .replace(/\.$/u, "")
    .trim();
  return new Fault("INVALID_INPUT", `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}. See: ${command} --help`, {
    cause: error,
  });
};
