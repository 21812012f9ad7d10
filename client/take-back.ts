import { type WorkflowHandle, WorkflowNotFoundError } from "@temporalio/client";
import { jobViewOf } from "#client/job-view.ts";

/**
 * How it stood with a job that was to be taken back. `taken-back`: no worker had it, nothing was done, and nothing will be. `terminated`: a worker took it up in that very
 * moment, and its item puts in order what it did. `begun`: it was not touched and goes on. `ended`: it had come to its end before.
 */
export type TakenBack = "taken-back" | "terminated" | "begun" | "ended";

/**
 * Ends a job that no worker has taken up yet, which has therefore done nothing and can say nothing of itself. A job that has begun is not touched, because it must put its
 * own things in order.
 */
export async function takeBack(handle: WorkflowHandle, why: string): Promise<TakenBack> {
  const description = await handle.describe();
  if (description.status.name !== "RUNNING") return "ended";
  if (jobViewOf(description) !== undefined) return "begun";
  try {
    await handle.terminate(why);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return "ended";
    throw error;
  }
  // Temporal cannot do both at once. What a job says of itself first and what it orders first reach Temporal together: as long as it has said nothing, it has done nothing.
  return jobViewOf(await handle.describe()) === undefined ? "taken-back" : "terminated";
}
