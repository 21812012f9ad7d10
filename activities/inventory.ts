import type { OpenHost } from "#activities/hosts.ts";
import { asOperation } from "#activities/operation.ts";
import type { HostName } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";

/** What there is on a site's hosts. */
export interface InventoryActivities {
  /** `definition` is empty unless it is asked for: it is long, and stays in the workflow's history. Rejects with `MACHINE_NOT_FOUND`. */
  findMachine(request: {
    readonly host: HostName;
    readonly nameOrId: string;
    readonly withDefinition?: boolean;
  }): Promise<Machine>;
  listNetworks(request: { readonly host: HostName }): Promise<readonly string[]>;
}

export const createInventoryActivities = (openHost: OpenHost): InventoryActivities => ({
  findMachine: ({ host, nameOrId, withDefinition = false }) =>
    asOperation(async (op) => {
      const machine = await (await openHost(host)).inventory.find(nameOrId, op);
      return withDefinition ? machine : { ...machine, definition: "" };
    }),
  listNetworks: ({ host }) => asOperation(async (op) => (await openHost(host)).inventory.networks(op)),
});
