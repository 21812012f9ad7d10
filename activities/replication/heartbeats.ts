/** What all replications of a worker together ask of Temporal a second: each heartbeat is a write to its database (about 2 ms of processor time at the server). */
const beatsPerSecond = 20;
/** A worker's own throttle of each activity's heartbeats (`maxHeartbeatThrottleInterval`) must not be longer. */
export const shortestBeatMs = 100;
const longestBeatMs = 1_000;

/**
 * How often each of `running` replications says that it lives; also how soon it hears of a cancellation, for which a planned failover waits. A few are asked often,
 * many once a second each.
 */
export const beatEveryMs = (running: number): number =>
  Math.min(longestBeatMs, Math.max(shortestBeatMs, (running * 1_000) / beatsPerSecond));

/** Beats until it is disposed of; `everyMs` is asked again before each beat. */
export function beating(beat: () => void, everyMs: () => number): Disposable {
  let timer: NodeJS.Timeout;
  const next = (): void => {
    timer = setTimeout(() => {
      beat();
      next();
    }, everyMs());
  };
  next();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
