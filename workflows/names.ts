import type { HostName, Instant, ItemName, ReplicaId, SiteName } from "#domain/ids.ts";
import { replicaId } from "#domain/ids.ts";
import type { OperationName } from "#domain/operations.ts";

/** Workflow ids and task queues, said once for workflows, workers and clients. */

/** The one long-lived workflow of a protected item. */
export const itemWorkflowId = (item: ItemName): string => `item/${item}`;

/** `job/<item>/<operation>/<suffix>`: sorts and filters well in Temporal's list. A job started by hand in the UI may have any id. */
export const jobWorkflowId = (job: {
  readonly item: ItemName;
  readonly operation: OperationName | "FinalizeProtection";
  readonly suffix: string;
}): string => `job/${job.item}/${job.operation}/${job.suffix}`;

export const configurationWorkflowId = "configuration";

/** Workflows, and the activities that need no hypervisor. */
export const orchestratorQueue = "orchestrator";

/** Everything that touches a site's hypervisors. More workers on the same queue share its load. */
export const siteQueue = (site: SiteName): string => `site/${site}`;

/**
 * One copy of one item on one host, `app1.lyon1.1.20261121T190239123Z`: no name has a dot in it. The epoch sets a new copy apart from one that was there before, and
 * the time at which protection began from what an earlier protection has left in the store, whose epochs began at 1 as well.
 */
export const newReplicaId = (copy: {
  readonly item: ItemName;
  readonly host: HostName;
  readonly epoch: number;
  readonly since?: Instant | undefined;
}): ReplicaId => {
  const { item, host, epoch, since } = copy;
  return replicaId([item, host, epoch, ...(since === undefined ? [] : [since.replaceAll(/[-:.]/g, "")])].join("."));
};
