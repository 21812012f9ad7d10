import { failureOf, failureText } from "#client/failure.ts";

/** Ends the process when `work` has: with 0, or with the sentence and the exit code that the command line has for the failure (docs/cli.md). */
export async function runMain(work: () => Promise<void>): Promise<never> {
  try {
    await work();
    process.exit(0);
  } catch (error) {
    const failure = failureOf(error);
    process.stderr.write(failureText(failure));
    // Whatever else still runs in here would go on without what has failed.
    process.exit(failure.exitCode);
  }
}
