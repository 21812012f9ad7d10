import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from "@temporalio/client";
import { randomUUID } from "node:crypto";
import { answered } from "#client/item-state.ts";
import { toFault } from "#client/faults.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import { scenarioOf } from "#domain/job-scenarios.ts";
import type { JobInput } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import { awaitGrant } from "#workflows/messages.ts";
import { jobWorkflowId, orchestratorQueue } from "#workflows/names.ts";

/** With these a job ends before it has begun. */
const refusals: readonly FaultCode[] = [
  "OPERATION_NOT_ALLOWED",
  "JOB_RUNNING",
  "ITEM_NOT_FOUND",
  "INVALID_INPUT",
  "CONFIG_INVALID",
];

/** `UnderstudyClient.start`. */
export async function startJob(
  client: Client,
  order: { readonly operation: OperationName; readonly input: JobInput; readonly jobId?: string },
): Promise<string> {
  const { operation, input } = order;
  const jobId = order.jobId ?? jobWorkflowId({ item: input.item, operation, suffix: timeAndChance() });
  const handle = client.workflow.getHandle(jobId);
  try {
    await client.workflow.start(operation, {
      workflowId: jobId,
      taskQueue: orchestratorQueue,
      args: [input],
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      workflowIdConflictPolicy: "USE_EXISTING",
      staticSummary: `${scenarioOf(operation).title} of ${input.item}${input.requestedBy === undefined ? "" : `, by ${input.requestedBy}`}`,
    });
  } catch (error) {
    // It was started before, and has ended: what became of it is asked below.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  await granted(handle);
  return jobId;
}

async function granted(handle: WorkflowHandle): Promise<void> {
  try {
    await answered(handle.executeUpdate(awaitGrant, { updateId: "grant" }));
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) throw toFault(error);
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    // It has ended already: refused, or so short that it is done.
    await handle.result().catch((failure: unknown) => {
      const fault = toFault(failure);
      if (!(failure instanceof WorkflowFailedError) || refusals.includes(fault.code)) throw fault;
    });
  }
}

/** Sorts by time; two orders in the same second differ. */
const timeAndChance = (): string =>
  `${new Date().toISOString().slice(0, 19).replaceAll(":", "")}Z-${randomUUID().slice(0, 4)}`;
