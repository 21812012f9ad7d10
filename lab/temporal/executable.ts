import { isExecutable, findProgram } from "#lab/bootstrap/find-program.ts";
import { builtTemporal } from "#lab/bootstrap/temporal.ts";
import { timeSkippingProgram } from "#lab/bootstrap/time-skipping-server.ts";
import { Fault } from "#domain/fault.ts";

/**
 * The path of Temporal's CLI as `ensureTemporal` left it, for tests (`createLocal({ server: { executable: { type: "existing-path", path } } })`).
 * Throws `PREREQUISITES_FAILED` when it has not been built yet.
 */
export const temporalExecutable = (): string =>
  found(isExecutable(builtTemporal()) ? builtTemporal() : findProgram("temporal"), "Temporal's CLI");

/** The same for the time-skipping test server (`createTimeSkipping`). */
export const timeSkippingExecutable = (): string =>
  found(
    isExecutable(timeSkippingProgram()) ? timeSkippingProgram() : undefined,
    "Temporal's time-skipping test server",
  );

const found = (path: string | undefined, what: string): string => {
  if (path === undefined) {
    throw new Fault("PREREQUISITES_FAILED", `${what} is not set up on this machine yet. Type: npm test`);
  }
  return path;
};
