import { describe, expect, test } from "vitest";
import { failure, queuesDouble } from "./orchestrator-double.ts";
import { answered } from "#client/answered.ts";
import { awaitedWorker, noWorker, waitingSentence } from "#client/awaited-worker.ts";

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

  test("that does not come because Temporal is away is said to be that, and never that a worker is missing", async () => {
    const { context, told, pass } = queuesDouble({ away: true });
    const end = failure(answered(context, never));
    await pass(2_100);
    expect(told).toEqual(["Waiting for Temporal, which does not answer."]);
    await pass(8_000);
    expect(await end).toMatchObject({
      code: "TEMPORAL_UNREACHABLE",
      message: expect.stringMatching(/^Temporal does not answer\./),
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
  const seenAt = Date.UTC(2026, 10, 20, 12);
  const sentenceAfter = async (seconds: number): Promise<string> => {
    const { context } = queuesDouble({ lastSeen: seenAt / 1000 });
    return waitingSentence(await awaitedWorker(context.client, "site/paris", seenAt + seconds * 1000));
  };

  test("is not called missing while the question it asked last may still be open", async () => {
    const open =
      "Waiting for a worker of site paris on task queue “site/paris”: one asked for work at 2026-11-20T12:00:00.000Z and has not taken this up yet. If none runs any more, start one with `understudy worker --site paris` at that site.";
    expect(await sentenceAfter(1)).toBe(open);
    expect(await sentenceAfter(89)).toBe(open);
    expect(await sentenceAfter(91)).toContain("none has asked for work since 2026-11-20T12:00:00.000Z. Start one");
  });

  test("that asked for work just now and has not answered is said to be there", async () => {
    const { context } = queuesDouble({ lastSeen: seenAt / 1000 });
    expect(noWorker(await awaitedWorker(context.client, "site/paris", seenAt + 5_000)).message).toBe(
      "A worker of site paris asked for work on task queue “site/paris” at 2026-11-20T12:00:00.000Z, but has not taken this up. It may be overloaded; if none runs any more, start one with `understudy worker --site paris` at that site.",
    );
  });

  test("is named with its queue, when it was heard of last, and how to start it", async () => {
    const { context, asked } = queuesDouble({ lastSeen: seenAt / 1000 });
    expect(waitingSentence(await awaitedWorker(context.client, "site/paris", seenAt + 600_000))).toBe(
      "Waiting for a worker of site paris on task queue “site/paris”: none has asked for work since 2026-11-20T12:00:00.000Z. Start one with `understudy worker --site paris` at that site.",
    );
    expect(asked).toEqual([{ namespace: "default", taskQueue: { name: "site/paris" }, taskQueueType: 2 }]);
  });

  test("is named also where the server does not show its queues", async () => {
    const { context } = queuesDouble({ hidden: true });
    expect(waitingSentence(await awaitedWorker(context.client, "orchestrator", seenAt))).toBe(
      "Waiting for an orchestrator's worker on task queue “orchestrator”: none has taken the work up. Start one with `understudy worker --orchestrator`.",
    );
  });
});
