import { Context } from "@temporalio/activity";
import type { Operation } from "#platforms/platform.ts";

/** How often an activity that has nothing to report says that it lives; also how soon it hears of a cancellation. */
const beatMs = 1_000;

/**
 * Runs work as the platform's operation of the present activity: the same id for every attempt of it, cancelled with it, and heard of while it runs.
 * The progress last reported is the heartbeat's details.
 */
export async function asOperation<Result>(work: (operation: Operation) => Promise<Result>): Promise<Result> {
  const context = Context.current();
  const { workflowExecution, activityId } = context.info;
  let latest: unknown;
  let beatAt = Number.NEGATIVE_INFINITY;
  const beat = (): void => {
    beatAt = performance.now();
    context.heartbeat(latest);
  };
  const beats = setInterval(beat, beatMs);
  try {
    return await work({
      id: `${workflowExecution?.workflowId ?? ""}/${workflowExecution?.runId ?? ""}/${activityId}`,
      signal: context.cancellationSignal,
      progress: (update) => {
        latest = update;
        // Each heartbeat is a write to Temporal's database; what comes between two is said with the next.
        if (performance.now() - beatAt >= beatMs) beat();
      },
    });
  } finally {
    clearInterval(beats);
  }
}
