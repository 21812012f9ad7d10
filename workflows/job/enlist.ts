import { firstEpoch } from "#domain/epoch.ts";
import type { Configuration } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import type { HostName, ItemName, SiteName } from "#domain/ids.ts";
import type { JobInput } from "#domain/job.ts";
import { newLifecycle } from "#domain/lifecycle.ts";
import { nearest } from "#domain/nearest.ts";
import type { ItemState, Side } from "#workflows/item/state.ts";
import type { JobRequest } from "#workflows/messages.ts";
import { requestJob } from "#workflows/messages.ts";
import { itemWorkflowId } from "#workflows/names.ts";
import { orchestrator } from "#workflows/sites.ts";

/** Hands the request to the item's workflow, which begins with it when it does not run yet. Answers the item as the configuration has it. Rejects with `ITEM_NOT_FOUND`. */
export async function enlist(input: JobInput, request: JobRequest): Promise<ItemState> {
  const fresh = newItem(await orchestrator.readConfiguration(), input.item);
  await orchestrator.signalWithStart({
    workflowType: "ProtectedItem",
    workflowId: itemWorkflowId(input.item),
    summary: `${fresh.configuration.machine}, ${fresh.sides.primary.site} → ${fresh.sides.secondary.site}`,
    start: fresh,
    signal: requestJob.name,
    payload: request,
  });
  return fresh;
}

/** An item of the configuration that nothing has been done for yet. */
export function newItem(configuration: Configuration, name: ItemName): ItemState {
  const item = configuration.items[name];
  if (item === undefined) throw notConfigured(name, Object.keys(configuration.items));
  const policy = configuration.policies[item.policy];
  if (policy === undefined) {
    throw new Fault(
      "CONFIG_INVALID",
      `Item ${name} names the policy “${item.policy}”, which the configuration does not define.`,
    );
  }
  return {
    version: 1,
    item: name,
    lifecycle: newLifecycle,
    configuration: item,
    policy,
    networkMappings: configuration.networkMappings,
    sides: {
      primary: newSide(configuration, item.primary),
      secondary: newSide(configuration, item.secondary),
    },
    disks: [],
    epoch: firstEpoch,
    failover: null,
    testMachine: null,
    lastSuccessfulTestFailover: null,
    fence: null,
    guarded: null,
    activeJob: null,
    waiting: [],
    health: [],
    failing: null,
    stuck: false,
    resynchronizeByItself: false,
    finalizing: false,
    lastSealed: null,
    lastCycle: null,
    bytesSent: 0,
  };
}

function newSide(configuration: Configuration, at: { readonly site: SiteName; readonly host: HostName }): Side {
  const site = configuration.sites[at.site];
  if (site === undefined) throw new Fault("CONFIG_INVALID", `The configuration does not define the site “${at.site}”.`);
  return { ...at, stream: site.stream, machine: null, replica: null, retired: [] };
}

function notConfigured(name: string, known: readonly string[]): Fault {
  const meant = nearest(name, known);
  return new Fault(
    "ITEM_NOT_FOUND",
    `The configuration has no item “${name}”${meant === undefined ? "" : ` (did you mean ${meant}?)`}. It has: ${known.join(", ") || "none"}.`,
  );
}
