import { awaitedWorker, noWorker, waitingSentence } from "#client/awaited-worker.ts";
import type { ClientContext } from "#client/context.ts";
import { orchestratorQueue } from "#workflows/names.ts";

/** An orchestrator's worker answers in milliseconds: a person who waits longer than this wants to know for what. */
const silentForMs = 2_000;
/**
 * What an orchestrator's worker answers to `call`. Tells after two seconds that it is waited for, and rejects with `WORKER_UNAVAILABLE` when it has not answered within the
 * context's patience; then, and when `signal` is aborted, nothing of the call goes on.
 */
export async function answered<Result>(
  { client, tell, sleep, patienceMs }: ClientContext,
  call: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const over = new AbortController();
  const until = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  const late = async (): Promise<never> => {
    await sleep(Math.min(silentForMs, patienceMs), until);
    if (patienceMs > silentForMs) {
      tell(waitingSentence(await awaitedWorker(client, orchestratorQueue)));
      await sleep(patienceMs - silentForMs, until);
    }
    throw noWorker(await awaitedWorker(client, orchestratorQueue));
  };
  const answer = client.withAbortSignal(until, call);
  const giveUp = late();
  // Whichever comes second is nobody's.
  answer.catch(() => undefined);
  giveUp.catch(() => undefined);
  try {
    return await Promise.race([answer, giveUp]);
  } finally {
    over.abort();
  }
}
