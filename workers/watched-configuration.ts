import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Configuration } from "#domain/configuration.ts";

/** The configuration that a worker goes by, kept true while it runs. */
export interface WatchedConfiguration extends AsyncDisposable {
  readonly current: Configuration;
  /** Reads it now. When it cannot be read, what was known last goes on holding: a site works on while Temporal is away. */
  refresh(): Promise<void>;
  /** Called after each change. */
  onChanged(listener: () => void): void;
}

/** A question to the orchestrator's worker; items give a worker that long to hear of a change before they try again what failed (`workflows/protected-item.ts`). */
const lookEveryMs = 2_000;

/** Reads the applied configuration, and again every two seconds. Rejects only when it cannot be read to begin with. */
export async function watchConfiguration(options: {
  readonly read: () => Promise<Configuration>;
  readonly everyMs?: number;
}): Promise<WatchedConfiguration> {
  const { read, everyMs = lookEveryMs } = options;
  const listeners: (() => void)[] = [];
  const ended = new AbortController();
  const { signal } = ended;
  let current = await read();
  let reading: Promise<void> | undefined;

  async function look(): Promise<void> {
    const found = await read().catch(() => undefined);
    if (signal.aborted || found === undefined || isDeepStrictEqual(found, current)) return;
    current = found;
    for (const listener of listeners) listener();
  }
  const refresh = (): Promise<void> => (reading ??= look().finally(() => (reading = undefined)));

  const looking = (async () => {
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await refresh();
    }
  })();
  // Whoever disposes of it hears of it.
  looking.catch(() => undefined);

  return {
    get current() {
      return current;
    },
    refresh,
    onChanged: (listener) => void listeners.push(listener),
    async [Symbol.asyncDispose]() {
      ended.abort();
      // A read may wait for Temporal; nobody needs its answer any more.
      if (reading === undefined) await looking;
    },
  };
}
