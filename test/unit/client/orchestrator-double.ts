import type { Client } from "@temporalio/client";
import type { ClientContext } from "#client/context.ts";

/** Time that passes only when it is told to. */
const clockDouble = () => {
  let now = 0;
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  // Long enough for everything that waits for nothing.
  const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
  return {
    sleep: (milliseconds: number, signal: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        const sleeper = { until: now + milliseconds, wake: resolve };
        sleepers.add(sleeper);
        signal.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          reject(signal.reason as Error);
        });
      }),
    async pass(milliseconds: number): Promise<void> {
      await settled();
      now += milliseconds;
      for (const sleeper of sleepers) {
        if (sleeper.until > now) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settled();
    },
  };
};

/** What a promise rejects with. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "it did not fail",
    (error: unknown) => error,
  );

/** A Temporal server that knows `lastSeen` of a queue's workers (epoch s; none: nobody), lets nobody see its queues, or is away. */
export const queuesDouble = (options: {
  readonly lastSeen?: number;
  readonly hidden?: boolean;
  readonly away?: boolean;
}) => {
  const told: string[] = [];
  const asked: object[] = [];
  const client = {
    options: { namespace: "default" },
    workflowService: {
      describeTaskQueue: async (request: object) => {
        asked.push(request);
        if (options.hidden === true)
          throw Object.assign(new Error("no"), { code: 7, details: "not allowed", metadata: {} });
        if (options.away === true)
          throw Object.assign(new Error("late"), { code: 4, details: "deadline exceeded", metadata: {} });
        const { lastSeen } = options;
        return { pollers: lastSeen === undefined ? [] : [{ lastAccessTime: { seconds: lastSeen } }] };
      },
    },
    withDeadline: async <Result>(_deadline: number, call: () => Promise<Result>) => await call(),
    withAbortSignal: async <Result>(_signal: AbortSignal, call: () => Promise<Result>) => await call(),
  };
  const { sleep, pass } = clockDouble();
  const context: ClientContext = {
    client: client as unknown as Client,
    tell: (sentence) => void told.push(sentence),
    patienceMs: 10_000,
    now: () => 0,
    sleep,
  };
  return { context, told, asked, pass };
};
