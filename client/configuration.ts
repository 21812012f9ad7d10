import { type Client, WithStartWorkflowOperation, WorkflowNotFoundError } from "@temporalio/client";
import { randomUUID } from "node:crypto";
import { answered, readItemState } from "#client/item-state.ts";
import { diffConfiguration, hurtfulChanges } from "#domain/configuration-diff.ts";
import type { ConfigurationChange } from "#domain/configuration-change.ts";
import type { Configuration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { applyConfiguration, currentConfiguration } from "#workflows/messages.ts";
import { configurationWorkflowId, orchestratorQueue } from "#workflows/names.ts";

/** The applied configuration; `undefined` when none has been. */
export async function readConfiguration(client: Client): Promise<Configuration | undefined> {
  try {
    return (
      (await answered(client.workflow.getHandle(configurationWorkflowId).query(currentConfiguration))) ?? undefined
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** `UnderstudyClient.apply`. */
export async function applyWhole(
  client: Client,
  configuration: Configuration,
): Promise<readonly ConfigurationChange[]> {
  const before = await readConfiguration(client);
  const changes = diffConfiguration(before, configuration);
  if (changes.length === 0) return changes;
  if (before !== undefined) await refuseHurtful(client, before, configuration);
  await answered(
    client.workflow.executeUpdateWithStart(applyConfiguration, {
      // The same id for every attempt of the client at this call: applied once.
      updateId: randomUUID(),
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
  return changes;
}

async function refuseHurtful(client: Client, before: Configuration, after: Configuration): Promise<void> {
  const items = Object.values(before.items).map(({ name }) => name);
  const states = await Promise.all(items.map(async (name) => ({ name, state: await readItemState(client, name) })));
  const isProtected = states.flatMap(({ name, state }) =>
    state === undefined || state.lifecycle.state === "unprotected" ? [] : [name],
  );
  const hurts = hurtfulChanges(before, after, isProtected);
  if (hurts.length > 0) throw new Fault("CONFIG_INVALID", `Nothing was applied. ${hurts.join(" ")}`);
}
