import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from "@temporalio/client";
import { awaitedWorker, waitingSentence } from "#client/awaited-worker.ts";
import { idleQueue } from "#client/idle-step.ts";
import { jobViewOf, withProgress, withWaiting } from "#client/job-view.ts";
import { liveReplication } from "#client/live-report.ts";
import { pendingRetry } from "#client/pending-retry.ts";
import { takeBack } from "#client/take-back.ts";
import { whyUnsaid } from "#client/unsaid-job.ts";
import type { Cancellation } from "#client/understudy-client.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import type { JobState, JobView } from "#domain/job.ts";
import { operations } from "#domain/operations.ts";
import { itemAttribute, operationAttribute } from "#workflows/search-attributes.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/** `UnderstudyClient.job`. Rejects with `JOB_NOT_FOUND`; of a job that has not begun, or was taken back before it did, the sentence says so. */
export async function readJob(client: Client, id: string): Promise<JobView> {
  const description = await describedJob(client, id);
  const view = jobViewOf(description);
  if (view === undefined) {
    const why = await whyUnsaid(client.workflow.getHandle(id), description);
    throw why === undefined ? notFound(id) : new Fault("JOB_NOT_FOUND", why);
  }
  if (view.endedAt !== undefined) return view;
  // The initial replication is the item's own; other jobs replicate themselves.
  const runs = view.operation === "EnableProtection" ? await describedItem(client, view.item) : description;
  const live = runs === undefined ? view : withProgress(view, liveReplication(runs).report);
  const nowMs = Date.now();
  const queue = idleQueue(description, nowMs) ?? (runs && idleQueue(runs, nowMs));
  if (queue !== undefined) return withWaiting(live, waitingSentence(await awaitedWorker(client, queue)));
  const retry = pendingRetry(description, nowMs) ?? (runs && pendingRetry(runs, nowMs, replicationSteps));
  return retry === undefined ? live : withWaiting(live, retry);
}

/** What an item does for its replication; beside it other steps may wait for months. */
const replicationSteps = ["findMachine", "replicate"];

/** `UnderstudyClient.cancel`. Rejects with `JOB_NOT_FOUND`, and with `OPERATION_NOT_ALLOWED` for a job that has ended. */
export async function cancelJob(client: Client, id: string): Promise<Cancellation> {
  const description = await describedJob(client, id);
  const handle = client.workflow.getHandle(id);
  // Temporal takes the wish to cancel what has ended, and forgets it.
  if (description.status.name !== "RUNNING") throw alreadyEnded(id, description);
  const found = await takeBack(handle, "It was cancelled before a worker had taken it up.");
  if (found === "ended") throw alreadyEnded(id, await describedJob(client, id));
  if (found !== "begun") return found;
  try {
    await handle.cancel();
    return "asked";
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw alreadyEnded(id, await describedJob(client, id));
  }
}

const alreadyEnded = (id: string, description: WorkflowExecutionDescription): Fault => {
  const { state = description.status.name, endedAt } = jobViewOf(description) ?? {};
  return new Fault(
    "OPERATION_NOT_ALLOWED",
    `The job “${id}” has ended already (${state}${endedAt === undefined ? "" : `, at ${endedAt}`}): there is nothing to cancel.`,
  );
};

const jobTypes: readonly string[] = [...operations, "FinalizeProtection"];

const notFound = (id: string): Fault =>
  new Fault("JOB_NOT_FOUND", `There is no job “${id}”. \`understudy jobs\` lists them.`);

/** Any other workflow, an item's above all, is not to be taken for a job. */
async function describedJob(client: Client, id: string): Promise<WorkflowExecutionDescription> {
  try {
    const description = await client.workflow.getHandle(id).describe();
    if (!jobTypes.includes(description.type)) throw notFound(id);
    return description;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw notFound(id);
    throw error;
  }
}

async function describedItem(client: Client, item: ItemName) {
  try {
    return await client.workflow.getHandle(itemWorkflowId(item)).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** `UnderstudyClient.jobs`: newest first. */
export async function listJobs(
  client: Client,
  filter: { readonly item?: ItemName; readonly state?: JobState; readonly limit: number },
): Promise<readonly JobView[]> {
  const conditions = [
    `${operationAttribute.name} IS NOT NULL`,
    ...(filter.item === undefined ? [] : [`${itemAttribute.name} = ${quoted(filter.item)}`]),
  ];
  const views: JobView[] = [];
  if (filter.limit <= 0) return views;
  for await (const execution of client.workflow.list({ query: conditions.join(" AND "), pageSize: 100 })) {
    const view = jobViewOf(execution);
    // The state is compared here: a job that was terminated could not say so in its attribute.
    if (view === undefined || (filter.state !== undefined && view.state !== filter.state)) continue;
    views.push(view);
    if (views.length >= filter.limit) break;
  }
  return views;
}

/** A string in Temporal's list filter. */
const quoted = (value: string): string => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
