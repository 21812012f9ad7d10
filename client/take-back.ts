import { type WorkflowHandle, WorkflowNotFoundError } from "@temporalio/client";
import { jobViewOf } from "#client/job-view.ts";

/**
 * Ends a job that no worker has taken up yet, which has therefore done nothing and can say nothing of itself. Answers whether it was so; a job that has begun is not touched,
 * because it must put its own things in order.
 */
export async function takeBack(handle: WorkflowHandle, why: string): Promise<boolean> {
  const description = await handle.describe();
  if (description.status.name !== "RUNNING" || jobViewOf(description) !== undefined) return false;
  try {
    await handle.terminate(why);
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
