import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { randomUUID } from "node:crypto";
import { applyWhole, readConfiguration } from "#client/configuration.ts";
import { withFaults } from "#client/faults.ts";
import { liveItemView, unprotectedView } from "#client/item-view.ts";
import { readItemState } from "#client/item-state.ts";
import { listJobs, readJob, watchJob } from "#client/jobs.ts";
import { startJob } from "#client/start-job.ts";
import type { UnderstudyClient, Verification } from "#client/understudy-client.ts";
import { diffConfiguration } from "#domain/configuration-diff.ts";
import type { Configuration } from "#domain/configuration.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import { nearest } from "#domain/nearest.ts";
import { targetOf } from "#workflows/item/ends.ts";
import { orchestratorQueue } from "#workflows/names.ts";

/** Understudy's verbs over a Temporal client, which is the caller's. `release` is done when this is disposed of. */
export function createUnderstudyClient(
  client: Client,
  release: () => Promise<void> = async () => undefined,
): UnderstudyClient {
  const configuration = async (): Promise<Configuration> => {
    const current = await readConfiguration(client);
    if (current !== undefined) return current;
    throw new Fault(
      "CONFIG_INVALID",
      "No configuration has been applied yet. Apply one with: understudy apply -f FILE.",
    );
  };

  const item = async (name: ItemName, known?: Configuration): Promise<ItemView> => {
    const state = await readItemState(client, name);
    if (state !== undefined && state.lifecycle.state !== "unprotected") return await liveItemView(client, state);
    const { items } = known ?? (await configuration());
    const configured = items[name];
    if (configured === undefined) throw noItem(name, Object.keys(items));
    return unprotectedView(configured);
  };

  /** Has the site that holds the item's replica answer, by a workflow of its own. */
  const atReplica = async <Result>(
    name: ItemName,
    question: { readonly workflowType: string; readonly more?: object },
  ): Promise<Result> => {
    const state = await readItemState(client, name);
    if (state === undefined) await item(name);
    const target = state === undefined ? undefined : targetOf(state);
    if (target === undefined || target.replica === null) {
      throw new Fault("REPLICA_NOT_FOUND", `Item ${name} has no replica: protect it with: understudy protect ${name}.`);
    }
    const { site, host, replica } = target;
    const { workflowType, more } = question;
    return (await client.workflow.execute(workflowType, {
      workflowId: `question/${name}/${workflowType}/${randomUUID()}`,
      taskQueue: orchestratorQueue,
      args: [{ site, host, replica, ...more }],
    })) as Result;
  };

  return {
    apply: (next) => withFaults(() => applyWhole(client, next)),
    diff: (next) => withFaults(async () => diffConfiguration(await readConfiguration(client), next)),
    configuration: () => withFaults(configuration),
    items: () =>
      withFaults(async () => {
        const known = await configuration();
        return await Promise.all(Object.values(known.items).map(({ name }) => item(name, known)));
      }),
    item: (name) => withFaults(() => item(name)),
    points: (name) => withFaults(() => atReplica<readonly RecoveryPoint[]>(name, { workflowType: "ReadPoints" })),
    verify: (name, point) =>
      withFaults(() =>
        atReplica<Verification>(name, { workflowType: "VerifyPoint", more: point === undefined ? {} : { point } }),
      ),
    start: (operation, input, options = {}) => withFaults(() => startJob(client, { operation, input, ...options })),
    job: (id) => withFaults(() => readJob(client, id)),
    jobs: (filter) => withFaults(() => listJobs(client, filter)),
    watch: (id, signal) => watchJob(client, id, signal),
    cancel: (id) =>
      withFaults(async () => {
        try {
          await client.workflow.getHandle(id).cancel();
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
          throw new Fault(
            "JOB_NOT_FOUND",
            `There is no running job “${id}” to cancel. \`understudy jobs\` lists them.`,
          );
        }
      }),
    [Symbol.asyncDispose]: release,
  };
}

function noItem(name: string, known: readonly string[]): Fault {
  const meant = nearest(name, known);
  return new Fault(
    "ITEM_NOT_FOUND",
    `The configuration has no item “${name}”${meant === undefined ? "" : ` (did you mean ${meant}?)`}. It has: ${known.join(", ") || "none"}.`,
  );
}
