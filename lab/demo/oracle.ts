import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import type { SiteName } from "#domain/ids.ts";

/**
 * What an observer outside the machine noted: the guest writes numbered records, each durable before the next, and tells every one that its disk
 * acknowledged; when it starts it checks its disk and tells what it found. `at`: ms since 1970, one clock for both sites.
 */
export type Observation =
  | { readonly kind: "acknowledged"; readonly site: SiteName; readonly record: number; readonly at: number }
  | {
      readonly kind: "started";
      readonly site: SiteName;
      readonly at: number;
      /** The newest record it found. */
      readonly head: number;
      /** What contradicts "one instant of the source"; nothing when all is well. */
      readonly problems: readonly string[];
    };

export interface Oracle {
  /** The newest record acknowledged at that site before that time. Rejects when there is none. */
  newest(asked: { readonly site: SiteName; readonly before: number }): Promise<Acknowledged>;
  /** When that record was acknowledged at that site, the last time. Rejects when it never was. */
  acknowledged(asked: { readonly site: SiteName; readonly record: number }): Promise<Acknowledged>;
  /** Waits until a machine that started at that site after `since` has checked its disk and has had a first new record acknowledged. */
  awakening(asked: { readonly site: SiteName; readonly since: number }, signal: AbortSignal): Promise<Awakening>;
}
export interface Acknowledged {
  readonly record: number;
  readonly at: number;
}
export interface Awakening {
  /** Every record up to the newest is there and whole. */
  readonly consistent: boolean;
  /** The newest record it found. */
  readonly recovered: number;
  /** When its first new record was acknowledged: the machine serves. */
  readonly servingAt: number;
  /** What it said, in a sentence. */
  readonly detail: string;
}

/** A machine that does not start within this time has failed the demo. */
const bootsWithinMs = 120_000;

/** Draws conclusions from what was observed. `observations` answers all of them so far, in the order they were noted. */
export const createOracle = (observations: () => Promise<readonly Observation[]>): Oracle => {
  const acknowledgements = async (site: SiteName) =>
    (await observations()).filter(
      (one): one is Observation & { kind: "acknowledged" } => one.kind === "acknowledged" && one.site === site,
    );
  return {
    async newest({ site, before }) {
      const newest = (await acknowledgements(site)).findLast((one) => one.at < before);
      if (newest === undefined) throw missing(`No write of the machine was acknowledged at ${site}.`);
      return newest;
    },
    async acknowledged({ site, record }) {
      const found = (await acknowledgements(site)).findLast((one) => one.record === record);
      if (found === undefined) {
        throw missing(`Record ${record} was never acknowledged at ${site}, yet a machine found it on its disk.`);
      }
      return found;
    },
    async awakening({ site, since }, signal) {
      const deadline = Date.now() + bootsWithinMs;
      for (;;) {
        const mine = (await observations()).filter((one) => one.site === site && one.at >= since);
        const start = mine.findLast((one) => one.kind === "started");
        const first = mine.find((one) => one.kind === "acknowledged" && start !== undefined && one.at >= start.at);
        if (start?.kind === "started" && first !== undefined) return awake(start, first.at);
        if (Date.now() > deadline) {
          throw missing(
            `The machine at ${site} did not ${start === undefined ? "start" : "write"} within ${bootsWithinMs / 1000} s.`,
          );
        }
        await sleep(50, undefined, { signal });
      }
    },
  };
};

const awake = (start: Observation & { kind: "started" }, servingAt: number): Awakening => ({
  consistent: start.problems.length === 0,
  recovered: start.head,
  servingAt,
  detail:
    start.problems.length === 0
      ? `found all its records up to number ${start.head} whole, and writes on`
      : `found a damaged disk: ${start.problems.slice(0, 3).join(" ")}`,
});

const missing = (sentence: string): Fault => new Fault("INTERNAL", sentence);
