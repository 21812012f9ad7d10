import type { WorkflowExecutionDescription } from "@temporalio/client";

/** Temporal's `PENDING_ACTIVITY_STATE_SCHEDULED`: no worker has it now. */
const scheduled = 1;
/** A worker that is there takes a step up at once. */
const soonMs = 2_000;

/** The task queue of a workflow's step that no worker takes up; `undefined` when there is none, or it is to be tried again later only. */
export function idleQueue({ raw }: Pick<WorkflowExecutionDescription, "raw">, nowMs: number): string | undefined {
  const idle = raw.pendingActivities?.find(({ state, scheduledTime }) => {
    return state === scheduled && scheduledTime && nowMs - Number(scheduledTime.seconds) * 1000 > soonMs;
  });
  return idle?.activityOptions?.taskQueue?.name ?? undefined;
}
