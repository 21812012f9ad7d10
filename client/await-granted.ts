import {
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateStage,
} from "@temporalio/client";
import { answered } from "#client/answered.ts";
import type { ClientContext } from "#client/context.ts";
import { toFault } from "#client/faults.ts";
import { takeBack } from "#client/take-back.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import { awaitGrant } from "#workflows/messages.ts";

/** With these a job ends before it has begun. */
const refusals: readonly FaultCode[] = [
  "OPERATION_NOT_ALLOWED",
  "JOB_RUNNING",
  "ITEM_NOT_FOUND",
  "INVALID_INPUT",
  "CONFIG_INVALID",
];

/** A delta under way ends within a second or so; who waits longer wants to know for what. */
const silentForMs = 2_000;

/** A job that was just started. */
interface Started {
  readonly handle: WorkflowHandle;
  readonly item: ItemName;
  readonly signal: AbortSignal;
}

/**
 * Resolves when the item has let the job begin; rejects with its refusal. When no worker takes the job up it is taken back, so that it does not begin at some later time
 * when nobody expects it any more (`WORKER_UNAVAILABLE`); the same when `signal` is aborted (`CANCELLED`). A job that a worker has taken up goes on in both cases.
 */
export async function awaitGranted(context: ClientContext, started: Started): Promise<void> {
  const { handle, signal } = started;
  try {
    const options = { updateId: "grant", waitForStage: WorkflowUpdateStage.ACCEPTED } as const;
    const grant = await answered(context, () => handle.startUpdate(awaitGrant, options), signal);
    await patiently(context, started, () => grant.result());
  } catch (error) {
    if (signal.aborted) throw new Fault("CANCELLED", await leave(handle));
    const fault = toFault(error);
    if (fault.code === "WORKER_UNAVAILABLE")
      throw new Fault(fault.code, `${fault.message} ${await leave(handle)}`, { cause: fault });
    if (error instanceof WorkflowUpdateFailedError || !(error instanceof WorkflowNotFoundError)) throw fault;
    // It has ended already: refused, or so short that it is done.
    await handle.result().catch((failure: unknown) => {
      const end = toFault(failure);
      if (!(failure instanceof WorkflowFailedError) || refusals.includes(end.code)) throw end;
    });
  }
}

/** The item answers when what its replication does now has ended, or the job gives up by itself after ten minutes. */
async function patiently(context: ClientContext, started: Started, grant: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, started.signal]);
  const told = context
    .sleep(silentForMs, signal)
    .then(() =>
      context.tell(
        `Waiting for item ${started.item} to let the job begin: what its replication does now ends first (within ten minutes, or the job gives up).`,
      ),
    );
  // Ended early by what it waits for.
  told.catch(() => undefined);
  try {
    await context.client.withAbortSignal(started.signal, grant);
  } finally {
    over.abort();
  }
}

/** Says what becomes of a job that is not waited for any more. */
const leave = async (handle: WorkflowHandle): Promise<string> =>
  (await takeBack(handle, "Nobody took the order up, and whoever gave it waits no longer."))
    ? "No worker had taken the order up; it was taken back, and nothing was done."
    : goesOn(handle.workflowId);

const goesOn = (id: string): string =>
  `The job goes on. Watch it: understudy jobs ${id} --watch. Cancel it: understudy job cancel ${id}.`;
