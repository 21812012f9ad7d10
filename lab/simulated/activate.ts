import { Fault } from "#domain/fault.ts";
import type { MachineId } from "#domain/ids.ts";
import { machineId } from "#domain/ids.ts";
import type { Activation, FailoverRequest } from "#platforms/platform.ts";
import { definitionText, parseDefinition } from "./definition.ts";
import type { SimulatedHost } from "./host.ts";
import { nextNumber, start, upHost } from "./host.ts";
import { readLayers } from "./layer.ts";
import { diskPath } from "./paths.ts";
import { blockCount, blockRange, isZero } from "./blocks.ts";
import type { ActivationRecord, MachineRecord, ReplicaRecord } from "./records.ts";
import { machineKey } from "./records.ts";
import { changeReplica, filesOf, layersUnder, refuseStaleEpoch, replicaOf } from "./replica-record.ts";
import { createSparse, writeSparse } from "./sparse-file.ts";
import type { State } from "./store.ts";
import { beginSegment, wipeTracking } from "./tracking.ts";

/**
 * `RecoveryTarget.failOver`: the epoch is raised and the point pinned first, then the disks are filled, then the machine starts, so that whoever takes it up
 * after a death goes on with the same.
 */
export function failOver(host: SimulatedHost, request: FailoverRequest): Activation {
  const record = changeReplica(host, request.replica, (before, state) => {
    const existing = before.activations.find(({ failover }) => failover === request.failover);
    if (existing !== undefined) return before;
    refuseFailover(before, request);
    refuseUnknownNetworks(host, state, request);
    const machine = request.kind === "test" ? machineId(`${before.machine.id}-${request.failover}`) : before.machine.id;
    const { failover, kind, machineName, point } = request;
    const activation: ActivationRecord = { failover, kind, machine, machineName, point, state: "preparing" };
    return {
      ...before,
      epoch: Math.max(before.epoch, request.epoch),
      // Whoever was still sending is over, in the same transaction.
      opening: kind === "test" ? before.opening : nextNumber(state),
      activations: [...before.activations, activation],
    };
  });
  const activation = activationOf(record, request.failover);
  if (activation.state === "preparing") {
    refuseRunning(host, activation);
    fillDisks(host, record, activation);
    startMachine(host, { record, activation, request });
  }
  const { failover, machine, machineName, point } = activation;
  return { failover, machine, machineName, point };
}

/** Throws `FAILOVER_NOT_FOUND`. */
export function activationOf(record: ReplicaRecord, failover: FailoverRequest["failover"]): ActivationRecord {
  const found = record.activations.find((activation) => activation.failover === failover);
  if (found === undefined) throw new Fault("FAILOVER_NOT_FOUND", `Replica ${record.id} knows no failover ${failover}.`);
  return found;
}

/** Throws `NETWORK_NOT_FOUND`. */
export function refuseUnknownNetworks(host: SimulatedHost, state: State, request: FailoverRequest): void {
  const wanted = request.onlyNetwork === undefined ? Object.values(request.networks) : [request.onlyNetwork];
  const unknown = wanted.find((network) => !upHost(state, host.site).networks.includes(network));
  if (unknown !== undefined && !request.isolated)
    throw new Fault("NETWORK_NOT_FOUND", `Site ${host.site} has no network "${unknown}".`);
}

function refuseFailover(record: ReplicaRecord, request: FailoverRequest): void {
  layersUnder(record, request.point);
  refuseStaleEpoch(record, request.epoch);
  if (request.kind === "test") return;
  if (request.epoch === record.epoch)
    throw new Fault(
      "STALE_EPOCH",
      `A ${request.kind} failover of replica ${record.id} needs an epoch above ${record.epoch}.`,
    );
  const other = record.activations.find(({ kind }) => kind !== "test");
  if (other !== undefined)
    throw new Fault("REPLICA_BUSY", `Replica ${record.id} has already been failed over (${other.failover}).`);
}

/** A machine of that id which runs and is not this activation's would be a second one. */
function refuseRunning(host: SimulatedHost, activation: ActivationRecord): void {
  host.store.transact((state) => {
    const present = state.get(machineKey(activation.machine));
    if (present?.machine.running === true)
      throw new Fault(
        "POWER_ON_FAILED",
        `Machine ${present.machine.name} (${activation.machine}) already runs at site ${host.site}.`,
      );
  });
}

function fillDisks(host: SimulatedHost, record: ReplicaRecord, activation: ActivationRecord): void {
  const { point, newestFirst } = layersUnder(record, activation.point);
  for (const disk of point.disks) {
    const path = diskPath(host.store.dir, activation.machine, disk.id);
    createSparse(path, disk.sizeBytes);
    for (let block = 0; block < blockCount(disk.sizeBytes); block++) {
      const { offset, length } = blockRange(block, disk.sizeBytes);
      const into = new Uint8Array(length);
      readLayers(filesOf(host, record), { newestFirst, disk: disk.id }, { offset, into });
      if (!isZero(into)) writeSparse(path, offset, into);
    }
  }
}

function startMachine(
  host: SimulatedHost,
  of: { readonly record: ReplicaRecord; readonly activation: ActivationRecord; readonly request: FailoverRequest },
): void {
  const { activation, request } = of;
  changeReplica(host, request.replica, (record, state) => {
    const before = state.get(machineKey(activation.machine));
    wipeTracking(host.store.dir, activation.machine, before?.tracking);
    const fresh = machineFrom(record, { activation, request, generation: before?.generation ?? 0 });
    start(state, request.kind === "test" ? fresh : tracked(host, { fresh, request }));
    return withActivation(record, { ...activation, state: "running" });
  });
  host.log("machine started from a recovery point", { machine: activation.machineName, point: activation.point });
}

export const withActivation = (record: ReplicaRecord, activation: ActivationRecord): ReplicaRecord => ({
  ...record,
  activations: record.activations.map((other) => (other.failover === activation.failover ? activation : other)),
});

function machineFrom(
  record: ReplicaRecord,
  of: { readonly activation: ActivationRecord; readonly request: FailoverRequest; readonly generation: number },
): MachineRecord {
  const { activation, request } = of;
  const { point } = layersUnder(record, activation.point);
  const source = parseDefinition(point.definition);
  const adapters = source.adapters.map((adapter) => ({
    ...adapter,
    network: request.isolated
      ? `isolated-${activation.failover}`
      : (request.onlyNetwork ?? request.networks[adapter.network] ?? adapter.network),
  }));
  const definition = { ...source, id: activation.machine, name: activation.machineName, adapters };
  return {
    machine: {
      ...definition,
      disks: point.disks.map(({ id, sizeBytes }) => ({ id, sizeBytes, format: "qcow2", location: String(id) })),
      running: false,
      definition: definitionText(definition),
    },
    guest: source.guest,
    generation: of.generation,
    autostart: request.kind !== "test",
  };
}

/** Changes are recorded from the first write on, since the point it started from. */
function tracked(
  host: SimulatedHost,
  of: { readonly fresh: MachineRecord; readonly request: FailoverRequest },
): MachineRecord {
  const { machine } = of.fresh;
  const since = of.request.point;
  const disks = machine.disks.map(({ id }) => id);
  return {
    ...of.fresh,
    tracking: {
      item: of.request.item,
      segments: beginSegment(host.store.dir, { machine, segments: [], since, disks }),
    },
  };
}

/** Stops the activated machine and takes it and its disks away. */
export function removeActivation(
  host: SimulatedHost,
  of: { readonly replica: FailoverRequest["replica"]; readonly machine: MachineId },
): void {
  host.store.transact((state) => {
    replicaOf(host, state, of.replica);
    wipeTracking(host.store.dir, of.machine, state.get(machineKey(of.machine))?.tracking);
    state.remove(machineKey(of.machine));
  });
}
