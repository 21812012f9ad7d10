import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { itemState } from "#workflows/messages.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/** The orchestrator's worker answers queries in milliseconds; one that is not there never does. */
const patienceMs = 10_000;

/** The item's state; `undefined` when nothing of it is protected. Rejects with `WORKER_UNAVAILABLE` when no orchestrator's worker runs. */
export async function readItemState(client: Client, name: ItemName): Promise<ItemState | undefined> {
  const handle = client.workflow.getHandle(itemWorkflowId(name));
  try {
    const { status } = await handle.describe();
    // The query of an item that has ended would still answer, with its last state.
    if (status.name !== "RUNNING") return undefined;
    return await answered(handle.query(itemState));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Rejects with `WORKER_UNAVAILABLE` when `answer` does not come. */
export async function answered<Result>(answer: Promise<Result>): Promise<Result> {
  const timer = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: timer.signal }).then(() => {
    throw new Fault(
      "WORKER_UNAVAILABLE",
      "The orchestrator's worker does not answer. Start it with: understudy worker --orchestrator.",
    );
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    timer.abort();
  }
}
