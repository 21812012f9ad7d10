import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import type { SiteName } from "#domain/ids.ts";
import type { BenchStage } from "../lifecycle/stage.ts";

export interface Served {
  /** When it had answered over HTTP and a new write of its was acknowledged. ms since 1970. */
  readonly at: number;
  /** When it had booted and checked its disk. */
  readonly mountedAt: number;
  /** The newest record it found. */
  readonly recovered: number;
  readonly consistent: boolean;
}

const withinMs = 120_000;

/** Waits until the machine that started at that site serves. */
export const untilServing = async (
  stage: BenchStage,
  of: { readonly site: SiteName; readonly since: number; readonly signal: AbortSignal },
): Promise<Served> => {
  const { site, since, signal } = of;
  const deadline = Date.now() + withinMs;
  const host = stage.host(site).name;
  for (;;) {
    const mine = stage.observer.events().filter((event) => event.host === host && event.at >= since);
    const started = mine.findLast((event) => event.kind === "started");
    const wrote = mine.find(
      (event) => event.kind === "acknowledged" && started !== undefined && event.at >= started.at,
    );
    if (started?.kind === "started" && wrote !== undefined && (await answers(stage, site))) {
      const { ok, head, at } = started;
      return { at: Date.now(), mountedAt: at, recovered: head, consistent: ok };
    }
    if (Date.now() > deadline)
      throw new Fault("INTERNAL", `The machine did not serve at ${site} within ${withinMs / 1000} s.`);
    await sleep(10, undefined, { signal });
  }
};

/** Its address answers; while it boots nobody does. */
const answers = async (stage: BenchStage, site: SiteName): Promise<boolean> => {
  try {
    return (await stage.guest(site).status(500)).seq > 0;
  } catch {
    return false;
  }
};
