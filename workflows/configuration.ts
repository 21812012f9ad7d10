import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { Configuration, ItemConfiguration } from "#domain/configuration.ts";
import {
  applyConfiguration,
  currentConfiguration,
  type ItemConfigured,
  itemConfigured,
  policyChosen,
} from "#workflows/messages.ts";
import { itemWorkflowId } from "#workflows/names.ts";

/**
 * Keeps the applied configuration for as long as there is an Understudy, and tells the protected items of it. Validation is the client's: nothing that is not whole
 * and checked comes here.
 */
export async function ConfigurationKeeper(initial: Configuration | null): Promise<void> {
  let current = initial;
  setHandler(currentConfiguration, () => {
    if (current === null)
      throw ApplicationFailure.nonRetryable("No configuration has been applied yet.", "CONFIG_INVALID");
    return current;
  });
  setHandler(applyConfiguration, async (applied) => {
    current = applied;
    await Promise.all(Object.values(applied.items).map((item) => tell(item, applied)));
  });
  setHandler(policyChosen, async ({ item, policy }) => {
    const configured = current?.items[item];
    if (current === null || configured === undefined) return;
    const changed = { ...configured, policy };
    current = { ...current, items: { ...current.items, [item]: changed } };
    await tell(changed, current);
  });
  await condition(() => workflowInfo().continueAsNewSuggested && allHandlersFinished());
  await continueAsNew<typeof ConfigurationKeeper>(current);
}

async function tell(item: ItemConfiguration, { policies, sites, networkMappings }: Configuration): Promise<void> {
  const policy = policies[item.policy];
  const primary = sites[item.primary.site]?.stream;
  const secondary = sites[item.secondary.site]?.stream;
  if (policy === undefined || primary === undefined || secondary === undefined) return;
  const told: ItemConfigured = { configuration: item, policy, networkMappings, streams: { primary, secondary } };
  try {
    await getExternalWorkflowHandle(itemWorkflowId(item.name)).signal(itemConfigured, told);
  } catch {
    // The only way this fails: the item is not protected, and has nobody to be told.
  }
}
