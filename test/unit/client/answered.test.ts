import { describe, expect, test } from "vitest";
import { failure, queuesDouble } from "./orchestrator-double.ts";
import { answered } from "#client/answered.ts";
import { awaitedWorker, waitingSentence } from "#client/awaited-worker.ts";

const never = () => new Promise<never>(() => undefined);

describe("an answer of the orchestrator's worker", () => {
  test("that comes at once is given without a word", async () => {
    const { context, told, pass } = queuesDouble({});
    expect(await answered(context, async () => 7)).toBe(7);
    await pass(60_000);
    expect(told).toEqual([]);
  });

  test("is waited for aloud after two seconds, and given up after ten with the same words", async () => {
    const { context, told, pass } = queuesDouble({});
    const end = failure(answered(context, never));
    await pass(1_900);
    expect(told).toEqual([]);
    await pass(200);
    expect(told).toEqual([
      "Waiting for an orchestrator's worker on task queue “orchestrator”: none has asked for work for at least five minutes. Start one with `understudy worker --orchestrator`.",
    ]);
    await pass(8_000);
    expect(await end).toMatchObject({
      code: "WORKER_UNAVAILABLE",
      message:
        "Nothing was heard of an orchestrator's worker on task queue “orchestrator”: none has asked for work for at least five minutes. Start one with `understudy worker --orchestrator`.",
    });
  });

  test("is not waited for any longer than its signal allows", async () => {
    const { context, told, pass } = queuesDouble({});
    const abort = new AbortController();
    const end = failure(answered(context, never, abort.signal));
    abort.abort();
    expect(await end).toMatchObject({ name: "AbortError" });
    await pass(60_000);
    expect(told).toEqual([]);
  });

  test("that is a failure is that failure", async () => {
    const { context } = queuesDouble({});
    await expect(answered(context, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  });
});

describe("the worker that is waited for", () => {
  test("is named with its queue, when it was heard of last, and how to start it", async () => {
    const { context, asked } = queuesDouble({ lastSeen: Date.UTC(2026, 10, 20, 12) / 1000 });
    expect(waitingSentence(await awaitedWorker(context.client, "site/paris"))).toBe(
      "Waiting for a worker of site paris on task queue “site/paris”: none has asked for work since 2026-11-20T12:00:00.000Z. Start one with `understudy worker --site paris` at that site.",
    );
    expect(asked).toEqual([{ namespace: "default", taskQueue: { name: "site/paris" }, taskQueueType: 2 }]);
  });

  test("is named also where the server does not show its queues", async () => {
    const { context } = queuesDouble({ hidden: true });
    expect(waitingSentence(await awaitedWorker(context.client, "orchestrator"))).toBe(
      "Waiting for an orchestrator's worker on task queue “orchestrator”: none has taken the work up. Start one with `understudy worker --orchestrator`.",
    );
  });
});
