import { setTimeout as sleep } from "node:timers/promises";

/**
 * Keeps what is sent within a rate that may change at any time. The rate is asked before every wait, and a wait is at most 200 ms long, so a
 * window that opens or closes takes effect at once. Unused time is not saved up beyond a tenth of a second.
 */
export class TokenBucket {
  readonly #rate: () => number | undefined;
  readonly #now: () => number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #tokens = 0;
  #filledAt: number;

  constructor(
    rate: () => number | undefined,
    clock: {
      readonly now: () => number;
      readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
    } = { now: () => performance.now(), sleep: (ms, signal) => sleep(ms, undefined, { signal }) },
  ) {
    this.#rate = rate;
    this.#now = clock.now;
    this.#sleep = clock.sleep;
    this.#filledAt = clock.now();
  }

  /** Resolves when `bytes` may be sent. Debt is allowed, so that a frame larger than a second's worth still goes out whole. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    for (let rate = this.#refill(); rate !== undefined && this.#tokens < 0; rate = this.#refill()) {
      const waitMs = rate <= 0 ? 200 : Math.min(200, Math.ceil((-this.#tokens / rate) * 1_000));
      await this.#sleep(waitMs, signal);
    }
    this.#tokens -= bytes;
  }

  #refill(): number | undefined {
    const rate = this.#rate();
    const now = this.#now();
    const elapsed = (now - this.#filledAt) / 1_000;
    this.#filledAt = now;
    if (rate === undefined) this.#tokens = 0;
    else this.#tokens = Math.min(this.#tokens + elapsed * rate, rate / 10);
    return rate;
  }
}
