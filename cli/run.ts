import { CommanderError, type Command } from "commander";
import type { CliContext } from "./context.ts";
import { failureOf, report } from "./failure.ts";
import { buildProgram } from "./program.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";

/** Runs one command line and answers the exit code. Never rejects. */
export const runCli = async (args: readonly string[], context: CliContext): Promise<number> => {
  let code: number = exitCodes.ok;
  const program = buildProgram({
    context,
    exit: (given) => {
      code = given;
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
    // After `--` a word is a word: `lab` passes what follows it on.
    const json = args.includes("--json");
    return report(context, failureOf(error instanceof CommanderError ? wrongUse(error, args) : error), json);
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

const wrongUse = (error: CommanderError, args: readonly string[]): Fault => {
  if (error.code === "commander.help")
    return new Fault("INVALID_INPUT", `understudy ${args.join(" ")} needs one of its commands (above).`);
  const sentence = error.message
    .replace(/^error: /u, "")
    .replaceAll(/\s*\n\s*/gu, " ")
    .trim();
  const command = args[0]?.startsWith("-") === false ? ` ${args[0]}` : "";
  return new Fault(
    "INVALID_INPUT",
    `${sentence.charAt(0).toUpperCase()}${sentence.slice(1).replace(/\.$/u, "")}. See: understudy${error.code === "commander.unknownCommand" ? "" : command} --help`,
    { cause: error },
  );
};
