import { setTimeout as sleep } from "node:timers/promises";
import type { LabGuest } from "#lab/guest/guest.ts";
import type { MachineObserver } from "#lab/oracle/observe.ts";
import { quantile, type SeenRecord } from "./exposure.ts";

/** What the guest itself gets done. */
export interface GuestPace {
  /** Of the blocks it overwrites. */
  readonly bytesPerSecond: number;
  /** From one durable record to the next, ms; by the guest's own clock. */
  readonly medianGapMs: number;
  readonly longestGapMs: number;
}

/** Measures it over so many seconds. */
export const guestPace = async (
  of: { readonly guest: LabGuest; readonly observer: MachineObserver },
  seconds: number,
  signal: AbortSignal,
): Promise<GuestPace> => {
  const before = await of.guest.status();
  const since = Date.now();
  await sleep(seconds * 1000, undefined, { signal });
  const after = await of.guest.status();
  // By the guest's clock, as its counters are: the page may be a record old.
  const spanMs = Number(BigInt(after.ns) - BigInt(before.ns)) / 1e6;
  const times = of.observer
    .events()
    .flatMap((event) => (event.kind === "acknowledged" && event.at >= since ? [Number(event.ns / 1000n) / 1000] : []));
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  return {
    bytesPerSecond: ((after.blobBytes - before.blobBytes) / spanMs) * 1000,
    medianGapMs: quantile(gaps, 0.5),
    longestGapMs: Math.max(...gaps),
  };
};

/** What was acknowledged, in order. */
export const recordsOf = (observer: MachineObserver): readonly SeenRecord[] =>
  observer.events().flatMap((event) => (event.kind === "acknowledged" ? [{ seq: event.seq, at: event.at }] : []));
