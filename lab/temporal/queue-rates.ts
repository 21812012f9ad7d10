/**
 * Arguments of Temporal's dev server. It has one shard, whose queues it reads at most 20 times a second by default: every step of every workflow waits for the next
 * 50 ms tick. Measured: a planned failover's own steps take 2.1 s with that limit and 0.6 s without it.
 */
export const queueRates: readonly string[] = [
  ["history.transferProcessorMaxPollRPS", "2000"],
  ["history.timerProcessorMaxPollRPS", "2000"],
].flatMap(([key, value]) => ["--dynamic-config-value", `${key}=${value}`]);
