import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { isFault } from "#domain/fault.ts";
import { command } from "#lab/hosts/command.ts";
import { identify } from "#lab/hosts/process-identity.ts";

const failure = async (run: Promise<unknown>): Promise<unknown> => {
  try {
    await run;
    return "it did not fail";
  } catch (error) {
    return isFault(error) ? [error.code, error.details?.["exitCode"]] : error;
  }
};

test("answers what the program wrote", async () => {
  expect(await command(["sh", "-c", "cat; echo trouble >&2"], { stdin: "words" })).toEqual({
    stdout: "words",
    stderr: "trouble",
  });
});

test("tells how a program failed", async () => {
  expect(await failure(command(["sh", "-c", "exit 3"]))).toEqual(["COMMAND_FAILED", 3]);
});

test("does not wait for what a stopped program has started and which holds its output open", async () => {
  const began = performance.now();
  expect(await failure(command(["sh", "-c", "sleep 30 & wait"], { timeoutMs: 100 }))).toEqual([
    "COMMAND_TIMED_OUT",
    undefined,
  ]);
  expect(performance.now() - began).toBeLessThan(5_000);
});

test("ends on request with everything that the program has started", async () => {
  const stop = new AbortController();
  const run = command(["sh", "-c", "sleep 30 & echo $!; wait"], { signal: stop.signal });
  const ended = failure(run);
  await sleep(100);
  stop.abort();
  expect(await ended).toEqual(["CANCELLED", undefined]);
  const error: unknown = await run.catch((reason: unknown) => reason);
  const pid = /^\d+$/m.exec(String((error as { cause?: { stdout?: unknown } }).cause?.stdout))?.[0];
  expect(pid).toBeDefined();
  await expect(identify(Number(pid))).rejects.toThrow(/ENOENT|has ended/u);
});

test("starts nothing when it was stopped before", async () => {
  expect(await failure(command(["sh", "-c", "exit 3"], { signal: AbortSignal.abort() }))).toEqual([
    "CANCELLED",
    undefined,
  ]);
});
