import { type WorkflowExecutionDescription, WorkflowFailedError, type WorkflowHandle } from "@temporalio/client";
import { toFault } from "#client/faults.ts";

/**
 * What there is to say of a job that has said nothing of itself, and has therefore done nothing: that no worker has taken it up yet, or how it ended before it began.
 * `undefined`: nothing is known. Asks Temporal.
 */
export async function whyUnsaid(
  handle: WorkflowHandle,
  { status, closeTime }: Pick<WorkflowExecutionDescription, "status" | "closeTime">,
): Promise<string | undefined> {
  const id = handle.workflowId;
  const at = closeTime === undefined ? "" : ` (${closeTime.toISOString()})`;
  switch (status.name) {
    case "RUNNING":
      return `The job “${id}” is ordered, and no worker has taken it up yet. Take it back: understudy job cancel ${id}.`;
    case "TERMINATED":
      return `The job “${id}” was taken back before it began, and nothing was done${at}. ${await whoAndWhy(handle)}`;
    case "FAILED":
    case "CANCELLED":
    case "TIMED_OUT":
      return `The job “${id}” ended before it began, and nothing was done${at}. ${await failure(handle)}`;
    default:
      return undefined;
  }
}

/** Who ended it, in whose words: the CLI's and a worker's own, or a person's in Temporal's UI. */
async function whoAndWhy(handle: WorkflowHandle): Promise<string> {
  const { events } = await handle.fetchHistory();
  const { reason, identity } = events?.at(-1)?.workflowExecutionTerminatedEventAttributes ?? {};
  const by = identity ? `By ${identity}` : "By somebody who left no name";
  return reason ? `${by}: ${reason}` : `${by}; no reason was given.`;
}

async function failure(handle: WorkflowHandle): Promise<string> {
  try {
    await handle.result();
    return "";
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return toFault(error).message;
  }
}
