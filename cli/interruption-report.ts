import type { CliContext } from "./context.ts";
import { report } from "./failure.ts";
import { faultTable } from "#domain/fault-table.ts";

/** What a shell expects of a process that Ctrl-C has ended. */
const interruptedExitCode = 130;

/** Tells what goes on without whoever pressed Ctrl-C. Answers the exit code. */
export const reportInterruption = (context: CliContext, sentence: string, json: boolean): number => {
  if (!json) {
    context.terminal.err(`${sentence}\n`);
    return interruptedExitCode;
  }
  const { causes } = faultTable.CANCELLED;
  const action = "Nothing, or what the message names.";
  return report(context, { code: "CANCELLED", message: sentence, causes, action, exitCode: interruptedExitCode }, json);
};
