import { rmSync } from "node:fs";
import { Fault } from "#domain/fault.ts";
import type { FailoverId, ReplicaId } from "#domain/ids.ts";
import type { Activation, FailoverRequest } from "#platforms/platform.ts";
import { activationOf, failOver, refuseUnknownNetworks, removeActivation, withActivation } from "./activate.ts";
import type { SimulatedHost } from "./host.ts";
import { removeLayer } from "./layer.ts";
import { mergeLayers } from "./merge-layers.ts";
import { machineDir, replicaDir } from "./paths.ts";
import type { ActivationRecord } from "./records.ts";
import { replicaKey } from "./records.ts";
import { changeReplica, filesOf, layersUnder, refuseStaleEpoch, replicaOf } from "./replica-record.ts";

/** `RecoveryTarget.commit`. */
export function commit(
  host: SimulatedHost,
  request: { readonly replica: ReplicaId; readonly failover: FailoverId },
): void {
  changeReplica(host, request.replica, (record) => {
    const activation = activationOf(record, request.failover);
    if (activation.kind === "test")
      throw new Fault(
        "OPERATION_NOT_ALLOWED",
        `Failover ${request.failover} is a test: it is cleaned up, not committed.`,
      );
    const index = record.layers.findIndex(({ point }) => point?.id === activation.point);
    for (const layer of record.layers.slice(index + 1)) removeLayer(filesOf(host, record), layer.id);
    if (record.incoming !== undefined) removeLayer(filesOf(host, record), record.incoming.layer);
    const { incoming: _gone, ...rest } = record;
    const layers = record.layers
      .slice(0, index + 1)
      .map((layer) => (layer.point?.id === activation.point ? layer : { id: layer.id }));
    return withActivation({ ...rest, layers, lastCut: activation.point }, { ...activation, state: "committed" });
  });
  mergeLayers(host, request.replica);
}

/** `RecoveryTarget.changePoint`. Under the same failover id it is the same failover, from another point. */
export function changePoint(host: SimulatedHost, request: FailoverRequest): Activation {
  const record = host.store.transact((state) => {
    refuseUnknownNetworks(host, state, request);
    return replicaOf(host, state, request.replica);
  });
  const present = activationOf(
    record,
    record.activations.find(({ kind }) => kind !== "test")?.failover ?? request.failover,
  );
  if (present.state === "committed")
    throw new Fault(
      "OPERATION_NOT_ALLOWED",
      `Failover ${present.failover} is committed: its point cannot be changed any more.`,
    );
  refuseStaleEpoch(record, request.epoch);
  layersUnder(record, request.point);
  if (present.failover === request.failover && present.point === request.point) return failOver(host, request);
  removeActivation(host, { replica: request.replica, machine: present.machine });
  const again: ActivationRecord = {
    ...present,
    failover: request.failover,
    point: request.point,
    machineName: request.machineName,
    state: "preparing",
  };
  changeReplica(host, request.replica, (now) => ({
    ...now,
    epoch: Math.max(now.epoch, request.epoch),
    activations: now.activations.map((other) => (other.failover === present.failover ? again : other)),
  }));
  return failOver(host, request);
}

/** `RecoveryTarget.discard`. */
export function discard(
  host: SimulatedHost,
  request: { readonly replica: ReplicaId; readonly failover: FailoverId; readonly epoch: number },
): void {
  const record = host.store.transact((state) => replicaOf(host, state, request.replica));
  refuseStaleEpoch(record, request.epoch);
  const activation = record.activations.find(({ failover }) => failover === request.failover);
  if (activation?.state === "committed")
    throw new Fault("OPERATION_NOT_ALLOWED", `Failover ${request.failover} is committed: it cannot be undone.`);
  if (activation !== undefined) removeActivation(host, { replica: request.replica, machine: activation.machine });
  changeReplica(host, request.replica, (now) => ({
    ...now,
    epoch: Math.max(now.epoch, request.epoch),
    activations: now.activations.filter(({ failover }) => failover !== request.failover),
  }));
  if (activation !== undefined)
    rmSync(machineDir(host.store.dir, activation.machine), { recursive: true, force: true });
}

/** `RecoveryTarget.deleteReplica`: test machines go with it, a committed one stays; one that is neither has to be decided on first. */
export function deleteReplica(host: SimulatedHost, id: ReplicaId): void {
  const record = host.store.transact((state) => state.get(replicaKey(id)));
  if (record === undefined) return;
  const undecided = record.activations.find(({ kind, state }) => kind !== "test" && state !== "committed");
  if (undecided !== undefined)
    throw new Fault(
      "REPLICA_BUSY",
      `Failover ${undecided.failover} of replica ${id} is neither committed nor cancelled: decide that first.`,
    );
  for (const test of record.activations.filter(({ kind }) => kind === "test"))
    removeActivation(host, { replica: id, machine: test.machine });
  host.store.transact((state) => {
    replicaOf(host, state, id);
    state.remove(replicaKey(id));
  });
  for (const test of record.activations.filter(({ kind }) => kind === "test"))
    rmSync(machineDir(host.store.dir, test.machine), { recursive: true, force: true });
  rmSync(replicaDir(host.store.dir, id), { recursive: true, force: true });
}
