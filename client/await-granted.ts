import {
  TerminatedFailure,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateStage,
} from "@temporalio/client";
import { answered } from "#client/answered.ts";
import { awaitedWorker, noWorker } from "#client/awaited-worker.ts";
import type { ClientContext } from "#client/context.ts";
import { toFault } from "#client/faults.ts";
import { jobViewOf } from "#client/job-view.ts";
import { leaveJob, mayGoOn } from "#client/leave-job.ts";
import { patiently } from "#client/patiently.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import { awaitGrant } from "#workflows/messages.ts";
import { orchestratorQueue } from "#workflows/names.ts";

/** With these a job ends before it has begun. */
const refusals: readonly FaultCode[] = [
  "OPERATION_NOT_ALLOWED",
  "JOB_RUNNING",
  "ITEM_NOT_FOUND",
  "INVALID_INPUT",
  "CONFIG_INVALID",
];

/** The job gives up by itself after ten minutes. Who has not heard of that a minute later waits for nobody: the job is not carried on. */
const grantLimitMs = 11 * 60_000;

/** A job that was just started. */
interface Started {
  readonly handle: WorkflowHandle;
  readonly item: ItemName;
  readonly signal: AbortSignal;
}

/**
 * Resolves when the item has let the job begin; rejects with its refusal. When no worker takes the job up it is taken back, so that it does not begin at some later time
 * when nobody expects it any more (`WORKER_UNAVAILABLE`); the same when `signal` is aborted (`CANCELLED`). A job that a worker has taken up goes on in both cases, and one
 * that Temporal keeps while it cannot be reached (`TEMPORAL_UNREACHABLE`) may: the sentence says which.
 */
export async function awaitGranted(context: ClientContext, started: Started): Promise<void> {
  const { handle, signal } = started;
  try {
    await granted(context, started);
  } catch (error) {
    const fault = toFault(error);
    // The job's own answer, whatever its code: it has ended.
    if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) throw fault;
    if (signal.aborted) throw new Fault("CANCELLED", await leaveJob(handle));
    if (fault.code === "TEMPORAL_UNREACHABLE")
      throw new Fault(fault.code, `${fault.message} ${mayGoOn(handle.workflowId)}`, { cause: fault });
    if (fault.code === "WORKER_UNAVAILABLE")
      throw new Fault(fault.code, `${fault.message} ${await leaveJob(handle)}`, { cause: fault });
    throw fault;
  }
}

async function granted(context: ClientContext, { handle, item, signal }: Started): Promise<void> {
  try {
    const options = { updateId: "grant", waitForStage: WorkflowUpdateStage.ACCEPTED } as const;
    const grant = await answered(context, () => handle.startUpdate(awaitGrant, options), signal);
    await patiently(context, {
      call: () => grant.result(),
      limitMs: grantLimitMs,
      waiting: async () =>
        `Waiting for item ${item} to let the job begin: what its replication does now ends first (within ten minutes, or the job gives up).`,
      late: async () => noWorker(await awaitedWorker(context.client, orchestratorQueue)),
      signal,
    });
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    await grantedBeforeItsEnd(handle);
  }
}

/** Of a job that has ended already: refused, taken back, or so short that it is done. */
async function grantedBeforeItsEnd(handle: WorkflowHandle): Promise<void> {
  try {
    await handle.result();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError) || refusals.includes(toFault(error).code)) throw error;
    // What has begun says so of itself, and how it failed is told by who watches it.
    if (jobViewOf(await handle.describe()) !== undefined) return;
    throw error.cause instanceof TerminatedFailure ? takenBackBefore(handle.workflowId) : error;
  }
}

const takenBackBefore = (id: string): Fault =>
  new Fault(
    "CANCELLED",
    `The job ${id} was taken back before it began, and nothing was done: give the order anew, under another id.`,
  );
