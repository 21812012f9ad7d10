import { type WorkflowHandle, WorkflowNotFoundError } from "@temporalio/client";
import { describe, expect, test } from "vitest";
import { failure, queuesDouble } from "./orchestrator-double.ts";
import { awaitGranted } from "#client/await-granted.ts";
import { itemName } from "#domain/ids.ts";

const never = () => new Promise<never>(() => undefined);
const id = "job/app1/Commit/1";

/** A job that a worker has taken up (`begun`) or not, and whose grant comes or does not. */
const jobDouble = (options: { readonly begun: boolean; readonly granted?: Promise<void> }) => {
  const terminated: string[] = [];
  const handle = {
    workflowId: id,
    startUpdate: async () => (options.begun ? { result: () => options.granted ?? never() } : await never()),
    describe: async () => ({ status: { name: "RUNNING" }, memo: options.begun ? { job: {} } : undefined }),
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

  test("is waited for aloud when its item takes long to let it begin, however long that is", async () => {
    const { context, told, pass } = queuesDouble({});
    const { promise: granted, resolve } = Promise.withResolvers<void>();
    const { handle } = jobDouble({ begun: true, granted });
    const end = awaitGranted(context, { handle, item, signal });
    await pass(120_000);
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
});
