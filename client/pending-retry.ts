import type { WorkflowExecutionDescription } from "@temporalio/client";
import { asSentence } from "#client/sentence.ts";

/** Temporal's `PENDING_ACTIVITY_STATE_SCHEDULED`: no worker has it now. */
const scheduled = 1;
/** The last failure is remembered as long as the next try lasts, which may be hours: one that has lasted this long does what it should. */
const freshMs = 60_000;

/** Why a workflow's step is tried again, and how often it has failed; `undefined` when none is. `only`: the types of the steps that count. */
export function pendingRetry(
  { raw }: Pick<WorkflowExecutionDescription, "raw">,
  nowMs: number,
  only?: readonly string[],
): string | undefined {
  const step = raw.pendingActivities?.find(({ activityType, state, lastFailure, lastStartedTime }) => {
    if (!lastFailure || only?.includes(activityType?.name ?? "") === false) return false;
    return state === scheduled || nowMs - Number(lastStartedTime?.seconds ?? 0) * 1000 < freshMs;
  });
  if (!step?.lastFailure) return undefined;
  const { lastFailure, attempt, maximumAttempts } = step;
  const why = lastFailure.timeoutFailureInfo
    ? "The worker that did it was not heard of in time."
    : asSentence(lastFailure.message ?? "It has failed.");
  const failed = Math.max(1, (attempt ?? 2) - 1);
  const tries = maximumAttempts ? `${failed} of ${maximumAttempts} tries` : failed === 1 ? "1 try" : `${failed} tries`;
  return `${why} ${tries} ${failed === 1 ? "has" : "have"} failed; it is tried again by itself.`;
}
