import { randomUUID } from "node:crypto";
import { awaitedWorker, noWorker, waitingSentence } from "#client/awaited-worker.ts";
import type { ClientContext } from "#client/context.ts";
import { toFault } from "#client/faults.ts";
import { idleQueue } from "#client/idle-step.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName, SiteName } from "#domain/ids.ts";
import { targetOf } from "#workflows/item/ends.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { orchestratorQueue, siteQueue } from "#workflows/names.ts";

const lookAfterMs = 2_500;

/**
 * Has the site that holds an item's replica answer a question, by a short workflow of its own. Rejects with `REPLICA_NOT_FOUND`, and with `WORKER_UNAVAILABLE`, naming the
 * site, when no worker of it takes the question up.
 */
export async function askReplica<Result>(
  context: ClientContext,
  state: ItemState,
  question: { readonly workflowType: string; readonly more?: object },
): Promise<Result> {
  const { site, host, replica } = targetOf(state);
  if (replica === null) throw noReplica(state.item, site);
  const { workflowType, more } = question;
  const handle = await context.client.workflow.start(workflowType, {
    workflowId: `question/${state.item}/${workflowType}/${randomUUID()}`,
    taskQueue: orchestratorQueue,
    args: [{ site, host, replica, ...more }],
  });
  const over = new AbortController();
  const telling = tellWhenIdle(context, { describe: () => handle.describe(), signal: over.signal });
  // It ends with the question, and only helps to pass the time.
  telling.catch(() => undefined);
  try {
    return (await handle.result()) as Result;
  } catch (error) {
    const fault = toFault(error);
    if (fault.code !== "WORKER_UNAVAILABLE") throw fault;
    throw noWorker(await awaitedWorker(context.client, siteQueue(site)));
  } finally {
    over.abort();
  }
}

async function tellWhenIdle(
  { client, tell, sleep }: ClientContext,
  asked: {
    readonly describe: () => ReturnType<ReturnType<typeof client.workflow.getHandle>["describe"]>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  await sleep(lookAfterMs, asked.signal);
  const queue = idleQueue(await asked.describe(), Date.now());
  if (queue !== undefined && !asked.signal.aborted) tell(waitingSentence(await awaitedWorker(client, queue)));
}

const noReplica = (item: ItemName, site: SiteName): Fault =>
  new Fault(
    "REPLICA_NOT_FOUND",
    `Item ${item} has no replica at site ${site} now. See what it is doing: understudy status ${item}.`,
  );
