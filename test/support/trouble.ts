import { Context } from "@temporalio/activity";
import type { ReplicateRequest } from "#activities/replication/request.ts";
import type { Check } from "#domain/check.ts";
import type { Fault } from "#domain/fault.ts";
import type { ActivityName } from "#test/support/two-sites.ts";

/** Faults as data: what an activity does instead of its work, once for each entry. */
export type Trouble = {
  readonly at: ActivityName;
  readonly machine: string;
  /** Only of replication in that mode. */
  readonly mode?: ReplicateRequest["mode"];
} &
  /** `after`: the work is done, and then it fails. */
  (
    | { readonly fault: Fault; readonly after?: boolean }
    | { readonly hold: Promise<void> }
    | { readonly checks: readonly Check[] }
    /** Of the look after a machine that may go off: its time is over at once. */
    | { readonly wasOff: false }
  );

export const isMeant = ({ mode }: Trouble, request: unknown): boolean =>
  mode === undefined || JSON.stringify(request).includes(`"mode":"${mode}"`);

/** Which of the machines a request is about: its name is part of every id and name in it. */
export const meant = (request: unknown): string | undefined => /\bapp\d\b/.exec(JSON.stringify(request))?.[0];

/** Heartbeats while it is held, so that the test decides when it goes on, and hears of a cancellation. */
export async function heldUp(hold: Promise<void>): Promise<void> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 200);
  try {
    await Promise.race([hold, context.cancelled]);
  } finally {
    clearInterval(beat);
  }
}
