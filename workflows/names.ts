import type { HostName, ItemName, ReplicaId, SiteName } from "#domain/ids.ts";
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

/** One copy of one item on one host; the epoch sets a new copy apart from one that was there before. */
export const newReplicaId = (copy: { readonly item: ItemName; readonly host: HostName; readonly epoch: number }) =>
  replicaId(`${copy.item}-${copy.host}-${copy.epoch}`) satisfies ReplicaId;
