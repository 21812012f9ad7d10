import { setTimeout as sleep } from "node:timers/promises";
import type { FaultCode } from "#domain/fault-codes.ts";
import { Fault } from "#domain/fault.ts";

/** One thing that goes wrong, as data. */
export interface FaultRule {
  /** The call: `source.cut`, `source.read`, `replica.seal`, `target.failOver` … */
  readonly on: string;
  /** The call's number from 1; absent: every one. */
  readonly nth?: number;
  /** `after`: the call has its effect and only its answer is lost. Default: before. */
  readonly when?: "before" | "after";
  readonly delayMs?: number;
  readonly fault?: FaultCode;
  /** The process dies on the spot, as by kill -9. */
  readonly kill?: boolean;
  /** Anything else: a cancellation, a crash of the host. */
  readonly run?: () => void;
}

/** Passes a call through the rules. */
export type Faults = <Result>(
  call: string,
  signal: AbortSignal,
  work: () => Promise<Result> | Result,
) => Promise<Result>;

export function createFaults(rules: readonly FaultRule[]): Faults {
  const counts = new Map<string, number>();
  return async (call, signal, work) => {
    const nth = (counts.get(call) ?? 0) + 1;
    counts.set(call, nth);
    const hit = rules.filter((rule) => rule.on === call && (rule.nth === undefined || rule.nth === nth));
    for (const rule of hit) if (rule.when !== "after") await strike(rule, nth, signal);
    throwIfCancelled(signal, call);
    const result = await work();
    for (const rule of hit) if (rule.when === "after") await strike(rule, nth, signal);
    return result;
  };
}

export function throwIfCancelled(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new Fault("CANCELLED", `"${what}" was cancelled.`, { cause: signal.reason });
}

async function strike(rule: FaultRule, nth: number, signal: AbortSignal): Promise<void> {
  if (rule.delayMs !== undefined)
    await sleep(rule.delayMs, undefined, { signal }).catch(() => throwIfCancelled(signal, rule.on));
  rule.run?.();
  if (rule.kill === true) process.kill(process.pid, "SIGKILL");
  if (rule.fault !== undefined)
    throw new Fault(rule.fault, `The rule for call ${nth} of "${rule.on}" makes it fail with ${rule.fault}.`);
}
