import type { ClientContext } from "#client/context.ts";
import type { Fault } from "#domain/fault.ts";

/** What is waited for answers in milliseconds as a rule: a person who waits longer than this wants to know for what. */
const silentForMs = 2_000;

/**
 * What `call` answers. After two seconds `waiting` is told; after `limitMs` it rejects with what `late` answers. Then, and when `signal` is aborted, nothing of the call
 * goes on.
 */
export async function patiently<Result>(
  { client, tell, sleep }: ClientContext,
  awaited: {
    readonly call: () => Promise<Result>;
    readonly limitMs: number;
    readonly waiting: () => Promise<string>;
    readonly late: () => Promise<Fault>;
    readonly signal?: AbortSignal;
  },
): Promise<Result> {
  const { call, limitMs, waiting, late, signal } = awaited;
  const over = new AbortController();
  const until = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  const givingUp = async (): Promise<never> => {
    await sleep(Math.min(silentForMs, limitMs), until);
    if (limitMs > silentForMs) {
      tell(await waiting());
      await sleep(limitMs - silentForMs, until);
    }
    throw await late();
  };
  const answer = client.withAbortSignal(until, call);
  const giveUp = givingUp();
  // Whichever comes second is nobody's.
  answer.catch(() => undefined);
  giveUp.catch(() => undefined);
  try {
    return await Promise.race([answer, giveUp]);
  } finally {
    over.abort();
  }
}
