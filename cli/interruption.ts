/**
 * The signal that Ctrl-C aborts. From the first call on, the first Ctrl-C only aborts it, so that a command can say what goes on without it; the second one ends the process.
 * A command that never asks is ended at once, and one that runs a worker leaves its signals to that.
 */
export const interruption = (): (() => AbortSignal) => {
  let signal: AbortSignal | undefined;
  return () => {
    if (signal !== undefined) return signal;
    const controller = new AbortController();
    const abort = (): void => {
      controller.abort();
    };
    process.once("SIGINT", abort);
    process.once("SIGTERM", abort);
    return (signal = controller.signal);
  };
};
