import { WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import { randomUUID } from "node:crypto";
import type { ClientContext } from "#client/context.ts";
import { awaitGranted } from "#client/await-granted.ts";
import { isUnanswered, toFault } from "#client/faults.ts";
import { mayBeOrdered } from "#client/leave-job.ts";
import { refuseUnkept } from "#client/unkept-item.ts";
import { Fault } from "#domain/fault.ts";
import { scenarioOf } from "#domain/job-scenarios.ts";
import type { JobInput } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import { jobWorkflowId, orchestratorQueue } from "#workflows/names.ts";

/** `UnderstudyClient.start`. */
export async function startJob(
  context: ClientContext,
  order: {
    readonly operation: OperationName;
    readonly input: JobInput;
    readonly jobId?: string;
    readonly signal?: AbortSignal;
  },
): Promise<string> {
  const { operation, input, signal = new AbortController().signal } = order;
  // A job whose id is given may have ended the protection itself, when it was started before: what became of it is asked below.
  if (order.jobId === undefined) await refuseUnkept(context, operation, input.item);
  const jobId = order.jobId ?? jobWorkflowId({ item: input.item, operation, suffix: timeAndChance() });
  const handle = context.client.workflow.getHandle(jobId);
  try {
    await context.client.workflow.start(operation, {
      workflowId: jobId,
      taskQueue: orchestratorQueue,
      args: [input],
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      workflowIdConflictPolicy: "USE_EXISTING",
      staticSummary: `${scenarioOf(operation).title} of ${input.item}${input.requestedBy === undefined ? "" : `, by ${input.requestedBy}`}`,
    });
  } catch (error) {
    // It was started before, and has ended: what became of it is asked below.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw unordered(error, jobId);
  }
  await awaitGranted(context, { handle, item: input.item, signal });
  return jobId;
}

/** Why an order was not taken; where nobody answered, that it may have been all the same. */
function unordered(error: unknown, jobId: string): Fault {
  const fault = toFault(error);
  return isUnanswered(error)
    ? new Fault(fault.code, `${fault.message} ${mayBeOrdered(jobId)}`, { cause: fault })
    : fault;
}

/** Sorts by time; two orders in the same second differ. */
const timeAndChance = (): string =>
  `${new Date().toISOString().slice(0, 19).replaceAll(":", "")}Z-${randomUUID().slice(0, 4)}`;
