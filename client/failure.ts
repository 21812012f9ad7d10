import { exitCodes } from "#domain/exit-codes.ts";
import { faultTable } from "#domain/fault-table.ts";
import { isFault } from "#domain/fault.ts";
import type { JobFault } from "#domain/job.ts";

/** A failure as it is told and as it leaves the process. */
export interface Failure extends JobFault {
  readonly exitCode: number;
}

/** What any error means to whoever started the program. What is no Fault is a defect, and says so. */
export const failureOf = (error: unknown): Failure => {
  if (isFault(error)) {
    const { causes, action, exitCode } = faultTable[error.code];
    return { code: error.code, message: error.message, causes, action, exitCode };
  }
  const { causes, action } = faultTable.INTERNAL;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "INTERNAL", message, causes, action, exitCode: exitCodes.internal };
};

/** One sentence with its code, and what to do about it. */
export const failureText = ({ code, message, action }: Failure): string =>
  `understudy: ${code}: ${message}\n  What to do: ${action}\n`;
