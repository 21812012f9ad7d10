import { awaitedWorker, noWorker, waitingSentence } from "#client/awaited-worker.ts";
import type { ClientContext } from "#client/context.ts";
import { patiently } from "#client/patiently.ts";
import { orchestratorQueue } from "#workflows/names.ts";

/**
 * What an orchestrator's worker answers to `call`. Tells after two seconds that it is waited for, and rejects with `WORKER_UNAVAILABLE` when it has not answered within the
 * context's patience; then, and when `signal` is aborted, nothing of the call goes on.
 */
export const answered = <Result>(
  context: ClientContext,
  call: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> =>
  patiently(context, {
    call,
    limitMs: context.patienceMs,
    waiting: async () => waitingSentence(await awaitedWorker(context.client, orchestratorQueue)),
    late: async () => noWorker(await awaitedWorker(context.client, orchestratorQueue)),
    ...(signal === undefined ? {} : { signal }),
  });
