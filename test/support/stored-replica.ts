import { itemName, machineId, replicaId } from "#domain/ids.ts";
import type { StoredReplica } from "#platforms/libvirt/target/stored-replica.ts";

/** A replica's `replica.json` as it begins: no layer, no activation. */
export const storedReplica = (over: Partial<StoredReplica> = {}): StoredReplica => ({
  format: 1,
  revision: 1,
  pinnedUpTo: -1,
  replica: replicaId("app1"),
  item: itemName("app1"),
  epoch: 1,
  sourceSite: "paris",
  machine: { id: machineId("m"), name: "app1" },
  nextLayer: 0,
  layers: [],
  activations: [],
  ...over,
});
