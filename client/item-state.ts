import { WorkflowNotFoundError } from "@temporalio/client";
import { answered } from "#client/answered.ts";
import type { ClientContext } from "#client/context.ts";
import { isRunning } from "#client/is-running.ts";
import type { ItemName } from "#domain/ids.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { itemState } from "#workflows/messages.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/** Whether anything of the item is protected. */
export const isKept = ({ client }: ClientContext, name: ItemName): Promise<boolean> =>
  isRunning(client, itemWorkflowId(name));

/** The item's state; `undefined` when nothing of it is protected. Rejects with `WORKER_UNAVAILABLE` when no orchestrator's worker runs. */
export async function readItemState(context: ClientContext, name: ItemName): Promise<ItemState | undefined> {
  if (!(await isKept(context, name))) return undefined;
  const handle = context.client.workflow.getHandle(itemWorkflowId(name));
  try {
    return await answered(context, () => handle.query(itemState));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
