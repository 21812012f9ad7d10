import { cutId, failoverId, itemName, machineId, replicaId } from "#domain/ids.ts";
import type { StoredActivation, StoredReplica } from "#platforms/libvirt/target/stored-replica.ts";

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

/** A machine that a planned failover is about to start, as it is written down. */
export const storedActivation = (over: Partial<StoredActivation> = {}): StoredActivation => ({
  failover: failoverId("fo-1"),
  kind: "planned",
  phase: "starting",
  point: cutId("c1"),
  layer: 3,
  machine: machineId("5a3705d2-13fe-49bf-a1db-8a1536ac0f87"),
  machineName: "app1",
  epoch: 2,
  overlays: {},
  ...over,
});
