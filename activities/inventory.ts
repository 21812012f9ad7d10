import type { OpenHost } from "#activities/hosts.ts";
import { asOperation } from "#activities/operation.ts";
import type { HostName } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";

/** What there is on a site's hosts. */
export interface InventoryActivities {
  /** Rejects with `MACHINE_NOT_FOUND`. */
  findMachine(request: { readonly host: HostName; readonly nameOrId: string }): Promise<Machine>;
  listNetworks(request: { readonly host: HostName }): Promise<readonly string[]>;
}

export const createInventoryActivities = (openHost: OpenHost): InventoryActivities => ({
  findMachine: ({ host, nameOrId }) => asOperation(async (op) => (await openHost(host)).inventory.find(nameOrId, op)),
  listNetworks: ({ host }) => asOperation(async (op) => (await openHost(host)).inventory.networks(op)),
});
