import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { setTimeout as sleep } from "node:timers/promises";
import { jobViewOf, withProgress } from "#client/job-view.ts";
import { liveReplication } from "#client/live-report.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import type { JobState, JobView } from "#domain/job.ts";
import { itemAttribute, operationAttribute } from "#workflows/search-attributes.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/** `UnderstudyClient.job`. Rejects with `JOB_NOT_FOUND`. */
export async function readJob(client: Client, id: string): Promise<JobView> {
  const notFound = (why: string) =>
    new Fault("JOB_NOT_FOUND", `There is no job “${id}”${why}. \`understudy jobs\` lists them.`);
  try {
    const description = await client.workflow.getHandle(id).describe();
    const view = jobViewOf(description);
    if (view === undefined) throw notFound(": the workflow of that id is no job, or has not begun yet");
    if (view.endedAt !== undefined) return view;
    // The initial replication is the item's own; other jobs replicate themselves.
    const runs = view.operation === "EnableProtection" ? await describedItem(client, view.item) : description;
    return runs === undefined ? view : withProgress(view, liveReplication(runs).report);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw notFound("");
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

const lookEveryMs = 250;

/** `UnderstudyClient.watch`. */
export async function* watchJob(client: Client, id: string, signal: AbortSignal): AsyncIterable<JobView> {
  let last = "";
  for (;;) {
    const view = await readJob(client, id);
    const said = JSON.stringify(view);
    if (said !== last) yield view;
    last = said;
    if (view.endedAt !== undefined) return;
    try {
      await sleep(lookEveryMs, undefined, { signal });
    } catch {
      throw new Fault("CANCELLED", `Watching the job ${id} was given up; the job goes on.`);
    }
  }
}
