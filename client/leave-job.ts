import type { WorkflowHandle } from "@temporalio/client";
import { toFault } from "#client/faults.ts";
import { takeBack, type TakenBack } from "#client/take-back.ts";

/** Takes a job back that is not waited for any more, unless it has begun, and says what becomes of it; also when Temporal does not answer meanwhile. */
export async function leaveJob(handle: WorkflowHandle): Promise<string> {
  const id = handle.workflowId;
  try {
    return left(id)[await takeBack(handle, "Nobody took the order up, and whoever gave it waits no longer.")];
  } catch (error) {
    const fault = toFault(error);
    if (fault.code !== "TEMPORAL_UNREACHABLE") throw fault;
    return `${fault.message} ${mayGoOn(id)}`;
  }
}

/** Of a job that was ordered, while Temporal cannot be asked what became of it. */
export const mayGoOn = (id: string): string =>
  `The job ${id} was ordered and may begin or go on when Temporal is back; see \`understudy jobs ${id}\`, cancel it with \`understudy job cancel ${id}\`.`;

/** Of a job whose order Temporal has not answered. */
export const mayBeOrdered = (id: string): string =>
  `Whether the order has reached it is not known. When it is back: see \`understudy jobs ${id}\`, cancel the job with \`understudy job cancel ${id}\`.`;

const left = (id: string): Readonly<Record<TakenBack, string>> => ({
  "taken-back": "No worker had taken the order up; it was taken back, and nothing was done.",
  terminated: `The job ${id} had just begun; it was terminated, and the item puts in order what it did.`,
  begun: `The job goes on. Watch it: understudy jobs ${id} --watch. Cancel it: understudy job cancel ${id}.`,
  ended: `The job ${id} has ended already; see \`understudy jobs ${id}\`.`,
});
