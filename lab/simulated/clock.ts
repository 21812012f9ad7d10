import { setTimeout as sleep } from "node:timers/promises";

/** Time, as the simulated host sees it. */
export interface Clock {
  now(): number;
  /** Rejects when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};
