import type { CliContext } from "./context.ts";
import { type Failure, failureText } from "#client/failure.ts";
import { faultTable } from "#domain/fault-table.ts";
import type { JobFault } from "#domain/job.ts";

/** The fault that a job ended with. */
export const failureOfJob = (fault: JobFault): Failure => ({ ...fault, exitCode: faultTable[fault.code].exitCode });

/** One sentence with its code, and what to do about it; with `--json` one object. Answers the exit code. */
export const report = (context: CliContext, failure: Failure, json: boolean): number => {
  const { exitCode, ...fault } = failure;
  context.terminal.err(json ? `${JSON.stringify({ error: { ...fault, exitCode } })}\n` : failureText(failure));
  return exitCode;
};
