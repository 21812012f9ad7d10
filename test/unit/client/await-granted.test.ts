import {
  ApplicationFailure,
  TerminatedFailure,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from "@temporalio/client";
import { RetryState } from "@temporalio/common";
import { describe, expect, test } from "vitest";
import { failure, queuesDouble } from "./orchestrator-double.ts";
import { awaitGranted } from "#client/await-granted.ts";
import { itemName } from "#domain/ids.ts";

const never = () => new Promise<never>(() => undefined);
const id = "job/app1/Commit/1";

const away = Object.assign(new Error("UNAVAILABLE"), { code: 14, details: "no connection", metadata: {} });
const mayGoOn = `The job ${id} was ordered and may begin or go on when Temporal is back; see \`understudy jobs ${id}\`, cancel it with \`understudy job cancel ${id}\`.`;

/** A job that has ended, and of which nothing can be asked any more but its end; `said`: it had begun. */
const endedJob = (options: { readonly end: Error; readonly said: boolean }) =>
  ({
    workflowId: id,
    startUpdate: () => Promise.reject(new WorkflowNotFoundError("ended", id, undefined)),
    result: () => Promise.reject(new WorkflowFailedError("failed", options.end, RetryState.NON_RETRYABLE_FAILURE)),
    describe: async () => ({ status: { name: "TERMINATED" }, memo: options.said ? { job: { tasks: [] } } : {} }),
  }) as unknown as WorkflowHandle;

/** A job that a worker has taken up (`begun`) or not, and whose grant comes or does not; `away`: Temporal does not answer any more. */
const jobDouble = (options: { readonly begun: boolean; readonly granted?: Promise<void>; readonly away?: true }) => {
  const terminated: string[] = [];
  const handle = {
    workflowId: id,
    startUpdate: async () => (options.begun ? { result: () => options.granted ?? never() } : await never()),
    describe: async () => {
      if (options.away === true) throw away;
      return { status: { name: "RUNNING" }, memo: options.begun ? { job: {} } : undefined };
    },
    terminate: async (why: string) => void terminated.push(why),
  };
  return { handle: handle as unknown as WorkflowHandle, terminated };
};

describe("a job that was just started", () => {
  const signal = new AbortController().signal;
  const item = itemName("app1");

  test("is taken back when no worker takes it up, so that it does not begin when nobody expects it", async () => {
    const { context, pass } = queuesDouble({});
    const { handle, terminated } = jobDouble({ begun: false });
    const end = failure(awaitGranted(context, { handle, item, signal }));
    await pass(2_000);
    await pass(8_000);
    expect(await end).toMatchObject({
      code: "WORKER_UNAVAILABLE",
      message: expect.stringMatching(
        /^Nothing was heard of an orchestrator's worker .+ it was taken back, and nothing was done\.$/u,
      ),
    });
    expect(terminated).toHaveLength(1);
  });

  test("is taken back when whoever waits for it leaves before a worker has it", async () => {
    const { context } = queuesDouble({});
    const { handle, terminated } = jobDouble({ begun: false });
    const abort = new AbortController();
    const end = failure(awaitGranted(context, { handle, item, signal: abort.signal }));
    abort.abort();
    expect(await end).toMatchObject({
      code: "CANCELLED",
      message: "No worker had taken the order up; it was taken back, and nothing was done.",
    });
    expect(terminated).toHaveLength(1);
  });

  test("goes on when whoever waits for it leaves after a worker has it", async () => {
    const { context, pass } = queuesDouble({});
    const abort = new AbortController();
    const granted = new Promise<void>((_resolve, reject) => {
      abort.signal.addEventListener("abort", () => reject(abort.signal.reason as Error));
    });
    const { handle, terminated } = jobDouble({ begun: true, granted });
    const end = failure(awaitGranted(context, { handle, item, signal: abort.signal }));
    await pass(1_000);
    abort.abort();
    expect(await end).toMatchObject({
      code: "CANCELLED",
      message: `The job goes on. Watch it: understudy jobs ${id} --watch. Cancel it: understudy job cancel ${id}.`,
    });
    expect(terminated).toEqual([]);
  });

  test("is waited for aloud when its item takes long to let it begin, for as long as the job itself waits", async () => {
    const { context, told, pass } = queuesDouble({});
    const { promise: granted, resolve } = Promise.withResolvers<void>();
    const { handle } = jobDouble({ begun: true, granted });
    const end = awaitGranted(context, { handle, item, signal });
    await pass(2_000);
    await pass(600_000);
    expect(told).toEqual([
      "Waiting for item app1 to let the job begin: what its replication does now ends first (within ten minutes, or the job gives up).",
    ]);
    resolve();
    await end;
  });

  test("that has ended already without a refusal has been let begin", async () => {
    const { context } = queuesDouble({});
    const handle = {
      workflowId: id,
      startUpdate: () => Promise.reject(new WorkflowNotFoundError("ended", id, undefined)),
      result: async () => undefined,
    };
    await awaitGranted(context, { handle: handle as unknown as WorkflowHandle, item, signal });
  });

  test("that gave up waiting for its item has ended, and is not said to go on", async () => {
    const { context } = queuesDouble({});
    const gaveUp = ApplicationFailure.nonRetryable("Item app1 did not let this job begin.", "WORKER_UNAVAILABLE");
    const granted = Promise.reject(new WorkflowUpdateFailedError("failed", gaveUp));
    const { handle, terminated } = jobDouble({ begun: true, granted });
    expect(await failure(awaitGranted(context, { handle, item, signal }))).toMatchObject({
      code: "WORKER_UNAVAILABLE",
      message: "Item app1 did not let this job begin.",
    });
    expect(terminated).toEqual([]);
  });

  test("is not waited for longer than it can wait itself: its orchestrator is gone, and it goes on when one runs", async () => {
    const { context, pass } = queuesDouble({});
    const { handle, terminated } = jobDouble({ begun: true });
    const end = failure(awaitGranted(context, { handle, item, signal }));
    await pass(2_000);
    await pass(658_000);
    expect(await end).toMatchObject({
      code: "WORKER_UNAVAILABLE",
      message: expect.stringMatching(/^Nothing was heard of an orchestrator's worker .+ The job goes on\. Watch it/u),
    });
    expect(terminated).toEqual([]);
  });

  test("may begin or go on when Temporal goes away while its grant is waited for", async () => {
    const { context } = queuesDouble({});
    const { handle } = jobDouble({ begun: true, granted: Promise.reject(away) });
    expect(await failure(awaitGranted(context, { handle, item, signal }))).toMatchObject({
      code: "TEMPORAL_UNREACHABLE",
      message: `Temporal does not answer (no connection). Is it running, and are TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE right? ${mayGoOn}`,
    });
  });

  test("may begin or go on when it cannot be taken back, because Temporal is away", async () => {
    const { context, pass } = queuesDouble({});
    const { handle } = jobDouble({ begun: false, away: true });
    const late = failure(awaitGranted(context, { handle, item, signal }));
    await pass(2_000);
    await pass(8_000);
    expect(await late).toMatchObject({
      code: "WORKER_UNAVAILABLE",
      message: expect.stringContaining(mayGoOn) as string,
    });
    const abort = new AbortController();
    const left = failure(awaitGranted(context, { handle, item, signal: abort.signal }));
    abort.abort();
    expect(await left).toMatchObject({ code: "CANCELLED", message: expect.stringContaining(mayGoOn) as string });
  });

  test("that was taken back before it began was not let begin", async () => {
    const { context } = queuesDouble({});
    const handle = endedJob({ end: new TerminatedFailure("terminated"), said: false });
    expect(await failure(awaitGranted(context, { handle, item, signal }))).toMatchObject({
      code: "CANCELLED",
      message: `The job ${id} was taken back before it began, and nothing was done: give the order anew, under another id.`,
    });
  });

  test("that failed before it could say anything was not let begin either", async () => {
    const { context } = queuesDouble({});
    const handle = endedJob({ end: ApplicationFailure.nonRetryable("A defect.", "Error"), said: false });
    expect(await failure(awaitGranted(context, { handle, item, signal }))).toMatchObject({
      code: "INTERNAL",
      message: "A defect.",
    });
  });

  test("that was terminated after it had begun had been let begin", async () => {
    const { context } = queuesDouble({});
    const handle = endedJob({ end: new TerminatedFailure("terminated"), said: true });
    await awaitGranted(context, { handle, item, signal });
  });
});
