import type { Client } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { failure, queuesDouble } from "./orchestrator-double.ts";
import type { ClientContext } from "#client/context.ts";
import { watchJob } from "#client/watch-job.ts";
import type { JobView } from "#domain/job.ts";

const id = "job/app1/Commit/1";
const away = Object.assign(new Error("UNAVAILABLE"), { code: 14, details: "no connection", metadata: {} });

/** Time that goes on by itself to the next moment that somebody waits for. */
const hurryingClock = () => {
  let nowMs = Date.UTC(2026, 10, 20, 12);
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  const hurry = (): void => {
    const next = [...sleepers].toSorted((one, other) => one.until - other.until)[0];
    if (next === undefined) return;
    sleepers.delete(next);
    nowMs = next.until;
    next.wake();
  };
  const sleep = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const sleeper = { until: nowMs + milliseconds, wake: resolve };
      sleepers.add(sleeper);
      signal.addEventListener("abort", () => {
        sleepers.delete(sleeper);
        reject(signal.reason as Error);
      });
      setImmediate(hurry);
    });
  return { now: () => nowMs, sleep };
};

/** A job that looks like this at each look; an Error is what the look rejects with, after `silentMs`; the last entry goes on for ever. */
const jobDouble = (
  looks: readonly (Error | { readonly endedAt?: string; readonly silentMs?: number; readonly fails?: Error })[],
) => {
  const { context, told } = queuesDouble({});
  const { now, sleep } = hurryingClock();
  let look = 0;
  const describeJob = async () => {
    const seen = looks[Math.min(look, looks.length - 1)];
    look += 1;
    if (seen instanceof Error) throw seen;
    const { silentMs = 0, fails, ...view } = seen ?? {};
    if (silentMs > 0) await sleep(silentMs, new AbortController().signal);
    if (fails !== undefined) throw fails;
    return {
      type: "Commit",
      status: { name: "RUNNING" },
      raw: {},
      memo: { job: { operation: "Commit", tasks: [], ...view } },
    };
  };
  const client = Object.assign(Object.create(context.client) as Client, {
    workflow: { getHandle: () => ({ describe: describeJob }) },
  });
  const watching: ClientContext = { ...context, client, now, sleep };
  return { context: watching, told };
};

const seen = async (views: AsyncIterable<JobView>): Promise<readonly JobView[]> => {
  const all: JobView[] = [];
  for await (const view of views) all.push(view);
  return all;
};

describe("watching a job", () => {
  const { signal } = new AbortController();

  test("answers each change until the job has ended", async () => {
    const { context } = jobDouble([{}, {}, { endedAt: "then" }]);
    expect(await seen(watchJob(context, id, signal))).toMatchObject([{ tasks: [] }, { endedAt: "then" }]);
  });

  test("goes on when Temporal is away for a moment, and says when it does not answer and when it does again", async () => {
    const { context, told } = jobDouble([{}, away, away, { endedAt: "then" }]);
    expect(await seen(watchJob(context, id, signal))).toHaveLength(2);
    expect(told).toEqual([
      `Temporal has not answered since 2026-11-20T12:00:00.250Z. The job ${id} goes on as soon as it is back; waiting for it.`,
      "Temporal answers again since 2026-11-20T12:00:00.750Z.",
    ]);
  });

  test("says after two seconds that Temporal does not answer, while its own client still tries, and each time anew", async () => {
    const looks = [
      {},
      { silentMs: 12_000, fails: away },
      { silentMs: 1_900 },
      { silentMs: 5_000 },
      { endedAt: "then" },
    ];
    const { context, told } = jobDouble(looks);
    await seen(watchJob(context, id, signal));
    expect(told.map((sentence) => sentence.replace(/ The job .*/u, ""))).toEqual([
      "Temporal has not answered since 2026-11-20T12:00:00.250Z.",
      "Temporal answers again since 2026-11-20T12:00:14.400Z.",
      "Temporal has not answered since 2026-11-20T12:00:14.650Z.",
      "Temporal answers again since 2026-11-20T12:00:19.650Z.",
    ]);
  });

  test("is given up after a minute without Temporal, and says how to take it up again", async () => {
    const { context } = jobDouble([{}, away]);
    expect(await failure(seen(watchJob(context, id, signal)))).toMatchObject({
      code: "TEMPORAL_UNREACHABLE",
      message: expect.stringContaining(
        `The job ${id} goes on when it is back. Watch it: understudy jobs ${id} --watch.`,
      ),
    });
  });

  test("ends with CANCELLED when nobody watches any more", async () => {
    const { context } = jobDouble([{}]);
    expect(await failure(seen(watchJob(context, id, AbortSignal.abort())))).toMatchObject({ code: "CANCELLED" });
  });
});
