import type { RunningWorker } from "#workers/running-worker.ts";

/** Lets workers run until SIGTERM or SIGINT asks them to stop in order; asked a second time, the process ends at once. Rejects when one of them fails. */
export async function untilTold(workers: readonly RunningWorker[]): Promise<void> {
  let asked = false;
  const stop = (): void => {
    // The conventional status of a process that was interrupted.
    if (asked) process.exit(130);
    asked = true;
    void Promise.allSettled(workers.map((worker) => worker.stop()));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  try {
    await Promise.all(workers.map(({ done }) => done));
  } finally {
    process.off("SIGTERM", stop);
    process.off("SIGINT", stop);
  }
}
