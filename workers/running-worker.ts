import type { Worker } from "@temporalio/worker";

/** A worker that runs in this process. */
export interface RunningWorker extends AsyncDisposable {
  /**
   * Ends it: takes no new work, lets cycles under way end, and tells Temporal of what it gives up, so that another worker takes it up at once.
   * Resolves when everything of it is released.
   */
  stop(): Promise<void>;
  /** Resolves when it has stopped, rejects when it has failed. */
  readonly done: Promise<void>;
}

/** Runs it until it is stopped; `release` is done after it, also when it fails. */
export function runWorker(worker: Worker, release: () => Promise<void>): RunningWorker {
  const run = async (): Promise<void> => {
    try {
      await worker.run();
    } finally {
      await release();
    }
  };
  const done = run();
  // Whoever waits for `done` hears of it; nobody has to.
  done.catch(() => undefined);
  const stop = async (): Promise<void> => {
    if (worker.getState() === "RUNNING") worker.shutdown();
    await done;
  };
  return { stop, done, [Symbol.asyncDispose]: stop };
}
