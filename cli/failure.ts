import type { CliContext } from "./context.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { isFault } from "#domain/fault.ts";
import { faultTable } from "#domain/fault-table.ts";
import type { JobFault } from "#domain/job.ts";

/** A failure as it is told and as it leaves the process. */
export interface Failure extends JobFault {
  readonly exitCode: number;
}

/** What any error means to the person at the terminal. What is no Fault is a defect, and says so. */
export const failureOf = (error: unknown): Failure => {
  if (isFault(error)) {
    const { causes, action, exitCode } = faultTable[error.code];
    return { code: error.code, message: error.message, causes, action, exitCode };
  }
  const { causes, action } = faultTable.INTERNAL;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "INTERNAL", message, causes, action, exitCode: exitCodes.internal };
};

/** The fault that a job ended with. */
export const failureOfJob = (fault: JobFault): Failure => ({ ...fault, exitCode: faultTable[fault.code].exitCode });

/** One sentence with its code, and what to do about it; with `--json` one object. Answers the exit code. */
export const report = (context: CliContext, failure: Failure, json: boolean): number => {
  const { exitCode, ...fault } = failure;
  context.terminal.err(
    json
      ? `${JSON.stringify({ error: { ...fault, exitCode } })}\n`
      : `understudy: ${fault.code}: ${fault.message}\n  What to do: ${fault.action}\n`,
  );
  return exitCode;
};
