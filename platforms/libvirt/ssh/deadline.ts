import { Fault } from "#domain/fault.ts";

export interface Bounds {
  readonly host: string;
  readonly purpose: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Gives `work` a signal that fires when the caller cancels or the time is over, and rejects at once then, with `CANCELLED` or `COMMAND_TIMED_OUT`,
 * however long `work` takes to notice.
 */
export const withDeadline = async <Value>(
  bounds: Bounds,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> => {
  const { host, purpose, signal, timeoutMs } = bounds;
  if (signal.aborted) throw cancelled(bounds);
  const ended = new AbortController();
  const stopped = Promise.withResolvers<never>();
  const stop = (fault: Fault): void => {
    stopped.reject(fault);
    ended.abort(fault);
  };
  const onCancel = (): void => stop(cancelled(bounds));
  signal.addEventListener("abort", onCancel, { once: true });
  const timer = setTimeout(() => {
    stop(
      new Fault(
        "COMMAND_TIMED_OUT",
        `Host ${host} did not ${purpose} within ${(timeoutMs / 1000).toString()} s. Look at the host's load and at its libvirtd.`,
        { details: { host, purpose, timeoutMs } },
      ),
    );
  }, timeoutMs);
  try {
    const running = work(ended.signal);
    // When the deadline wins, what `work` then rejects with is the deadline's own doing.
    running.catch(() => undefined);
    return await Promise.race([running, stopped.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onCancel);
    stopped.promise.catch(() => undefined);
  }
};

const cancelled = ({ host, purpose, signal }: Bounds): Fault =>
  new Fault("CANCELLED", `To ${purpose} on host ${host} was cancelled.`, { cause: signal.reason, details: { host } });
