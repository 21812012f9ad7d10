import { WithStartWorkflowOperation, WorkflowNotFoundError } from "@temporalio/client";
import { randomUUID } from "node:crypto";
import { answered } from "#client/answered.ts";
import type { ClientContext } from "#client/context.ts";
import { toFault } from "#client/faults.ts";
import { isRunning } from "#client/is-running.ts";
import { readItemState } from "#client/item-state.ts";
import type { ConfigurationPreview } from "#client/understudy-client.ts";
import { diffConfiguration, hurtfulChanges } from "#domain/configuration-diff.ts";
import type { ConfigurationChange } from "#domain/configuration-change.ts";
import type { Configuration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { applyConfiguration, currentConfiguration } from "#workflows/messages.ts";
import { configurationWorkflowId, orchestratorQueue } from "#workflows/names.ts";

/** The applied configuration; `undefined` when none has been. */
export async function readConfiguration(context: ClientContext): Promise<Configuration | undefined> {
  if (!(await isRunning(context.client, configurationWorkflowId))) return undefined;
  const handle = context.client.workflow.getHandle(configurationWorkflowId);
  try {
    return (await answered(context, () => handle.query(currentConfiguration))) ?? undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The same, where there must be one. Rejects with `CONFIG_INVALID`. */
export async function requireConfiguration(context: ClientContext): Promise<Configuration> {
  const current = await readConfiguration(context);
  if (current !== undefined) return current;
  throw new Fault("CONFIG_INVALID", "No configuration has been applied yet. Apply one with: understudy apply -f FILE.");
}

/** `UnderstudyClient.apply`. */
export async function applyWhole(
  context: ClientContext,
  configuration: Configuration,
): Promise<readonly ConfigurationChange[]> {
  const before = await readConfiguration(context);
  const changes = diffConfiguration(before, configuration);
  const refusals = await refusalsOf(context, before, configuration);
  if (refusals.length > 0) throw new Fault("CONFIG_INVALID", `Nothing was applied. ${refusals.join(" ")}`);
  try {
    await send(context, configuration);
  } catch (error) {
    const fault = toFault(error);
    if (fault.code !== "WORKER_UNAVAILABLE") throw fault;
    const then = (await dropUnbegun(context))
      ? "Nothing was applied."
      : "It may still be applied when one runs: see with `understudy diff` then.";
    throw new Fault(fault.code, `${fault.message} ${then}`, { cause: fault });
  }
  return changes;
}

async function send(context: ClientContext, configuration: Configuration): Promise<void> {
  // The same id for every attempt of the client at this call: applied once.
  const updateId = randomUUID();
  await answered(context, () =>
    context.client.workflow.executeUpdateWithStart(applyConfiguration, {
      updateId,
      args: [configuration],
      startWorkflowOperation: new WithStartWorkflowOperation("ConfigurationKeeper", {
        workflowId: configurationWorkflowId,
        taskQueue: orchestratorQueue,
        workflowIdConflictPolicy: "USE_EXISTING",
        args: [null],
        staticSummary: "The applied configuration",
      }),
    }),
  );
}

/** Started, and its first task put into the queue and taken from it: up to here nothing of a workflow has run. */
const eventsBeforeAnything = 3;

/** Takes the very first configuration back, when no worker has seen it yet; with its keeper goes what the server would still hand to it. Answers whether it was so. */
async function dropUnbegun({ client }: ClientContext): Promise<boolean> {
  const handle = client.workflow.getHandle(configurationWorkflowId);
  const { historyLength } = await handle.describe();
  if (historyLength > eventsBeforeAnything) return false;
  await handle.terminate("No worker took the first configuration up, and whoever applied it waits no longer.");
  return true;
}

/** `UnderstudyClient.diff`. */
export async function previewConfiguration(
  context: ClientContext,
  configuration: Configuration,
): Promise<ConfigurationPreview> {
  const before = await readConfiguration(context);
  return {
    changes: diffConfiguration(before, configuration),
    refusals: await refusalsOf(context, before, configuration),
  };
}

/** What would hurt items that are protected now, one sentence each. */
async function refusalsOf(
  context: ClientContext,
  before: Configuration | undefined,
  after: Configuration,
): Promise<readonly string[]> {
  if (before === undefined) return [];
  const items = Object.values(before.items).map(({ name }) => name);
  const states = await Promise.all(items.map(async (name) => ({ name, state: await readItemState(context, name) })));
  const isProtected = states.flatMap(({ name, state }) =>
    state === undefined || state.lifecycle.state === "unprotected" ? [] : [{ name, disks: state.disks }],
  );
  return hurtfulChanges(before, after, isProtected);
}
