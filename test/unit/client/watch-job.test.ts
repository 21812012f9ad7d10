import type { Client } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { failure, queuesDouble } from "./orchestrator-double.ts";
import type { ClientContext } from "#client/context.ts";
import { watchJob } from "#client/watch-job.ts";
import type { JobView } from "#domain/job.ts";

const id = "job/app1/Commit/1";
const away = Object.assign(new Error("UNAVAILABLE"), { code: 14, details: "no connection", metadata: {} });

/** A job that looks like this at each look; an Error is what the look rejects with, the last entry goes on for ever. */
const jobDouble = (looks: readonly (Error | { readonly endedAt?: string })[]) => {
  const { context, told } = queuesDouble({});
  let look = 0;
  let nowMs = 0;
  const describeJob = async () => {
    const seen = looks[Math.min(look, looks.length - 1)];
    look += 1;
    if (seen instanceof Error) throw seen;
    return {
      type: "Commit",
      status: { name: "RUNNING" },
      raw: {},
      memo: { job: { operation: "Commit", tasks: [], ...seen } },
    };
  };
  const client = Object.assign(Object.create(context.client) as Client, {
    workflow: { getHandle: () => ({ describe: describeJob }) },
  });
  const watching: ClientContext = {
    ...context,
    client,
    sleep: async (milliseconds, signal) => {
      signal.throwIfAborted();
      nowMs += milliseconds;
    },
  };
  return { context: { ...watching, now: () => nowMs }, told };
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

  test("goes on when Temporal is away for a moment, and says so", async () => {
    const { context, told } = jobDouble([{}, away, away, { endedAt: "then" }]);
    expect(await seen(watchJob(context, id, signal))).toHaveLength(2);
    expect(told).toEqual([
      `Temporal does not answer (no connection). Is it running, and are TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE right? The job ${id} goes on as soon as it is back; waiting for it.`,
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
