import { existsSync, readFileSync } from "node:fs";
import { Fault } from "#domain/fault.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import { blockBytes } from "#transfer/block.ts";
import { blockCount, blockRange, isZero } from "./blocks.ts";
import type { SimulatedHost } from "./host.ts";
import { machineOf, nextNumber, upHost } from "./host.ts";
import { createLayer, removeLayer, writeLayer } from "./layer.ts";
import { diskPath } from "./paths.ts";
import type { ReplicaDisk, ReplicaRecord } from "./records.ts";
import { replicaKey } from "./records.ts";
import { filesOf, refuseStaleEpoch } from "./replica-record.ts";
import { wipeTracking } from "./tracking.ts";
import { machineKey } from "./records.ts";
import type { State } from "./store.ts";
import { isUnwritten } from "./unwritten.ts";

/** `RecoveryTarget.createReplica`. A newer epoch with a machine to adopt begins the replica anew from it; without one it only raises the epoch. */
export function createReplica(host: SimulatedHost, spec: ReplicaSpec): void {
  host.store.transact((state) => {
    upHost(state, host.site);
    const existing = state.get(replicaKey(spec.replica));
    if (existing !== undefined) refuseAnothers(existing, spec);
    if (existing !== undefined) refuseStaleEpoch(existing, spec.epoch);
    if (existing !== undefined && spec.adopt === undefined) refuseFailedOver(existing);
    if (existing?.epoch === spec.epoch) {
      // An empty one was not made of a machine.
      if (spec.adopt !== undefined && existing.layers.length === 0) machineOf(state, spec.adopt.machine);
      return;
    }
    if (existing !== undefined && spec.adopt === undefined) {
      state.put(replicaKey(spec.replica), { ...existing, epoch: spec.epoch, sourceSite: spec.sourceSite });
      return;
    }
    const record = newReplica(spec);
    for (const layer of existing?.layers ?? []) removeLayer(filesOf(host, record), layer.id);
    state.put(
      replicaKey(spec.replica),
      spec.adopt === undefined ? withCopies(host, state, { spec, record }) : adopted(host, state, { spec, record }),
    );
  });
}

function refuseAnothers(existing: ReplicaRecord, spec: ReplicaSpec): void {
  if (existing.item === spec.item && existing.machine.id === spec.machine.id) return;
  throw new Fault(
    "REPLICA_BUSY",
    `Replica ${existing.id} belongs to machine ${existing.machine.id} of item ${existing.item}, not to ${spec.machine.id} of ${spec.item}.`,
  );
}

function refuseFailedOver({ id, activations }: ReplicaRecord): void {
  const active = activations.find(({ kind }) => kind !== "test");
  if (active === undefined) return;
  throw new Fault(
    "REPLICA_BUSY",
    `Replica ${id} cannot receive: its machine ${active.machineName} was failed over to it (${active.failover}).`,
  );
}

const newReplica = (spec: ReplicaSpec): ReplicaRecord => ({
  id: spec.replica,
  item: spec.item,
  machine: spec.machine,
  sourceSite: spec.sourceSite,
  epoch: spec.epoch,
  opening: 0,
  disks: spec.machine.disks
    .filter(({ id }) => spec.disks.includes(id))
    .map(({ id, sizeBytes }): ReplicaDisk => ({ id, sizeBytes })),
  layers: [],
  activations: [],
});

/** Carried copies are raw files here, and the base of the replica, compared before it is trusted. */
function withCopies(
  host: SimulatedHost,
  state: State,
  { spec, record }: { readonly spec: ReplicaSpec; readonly record: ReplicaRecord },
): ReplicaRecord {
  const carried = Object.entries(spec.copies ?? {});
  if (carried.length === 0) return record;
  const layer = `layer-${nextNumber(state)}`;
  const files = filesOf(host, record);
  createLayer(files, layer, record.disks);
  for (const [id, file] of carried) {
    const disk = record.disks.find((candidate) => candidate.id === id);
    if (disk === undefined || !existsSync(file))
      throw new Fault("INVALID_INPUT", `There is no disk ${id} to copy, or no file ${file} on host ${host.site}.`);
    fillLayer({ files, layer, disk }, readFileSync(file));
  }
  return { ...record, layers: [{ id: layer }] };
}

function fillLayer(
  at: { readonly files: ReturnType<typeof filesOf>; readonly layer: string; readonly disk: ReplicaDisk },
  content: Buffer,
): void {
  const { files, layer, disk } = at;
  for (let block = 0; block < blockCount(disk.sizeBytes); block++) {
    const { offset, length } = blockRange(block, disk.sizeBytes);
    const data = content.subarray(offset, offset + length);
    if (data.length === length && !isZero(data))
      writeLayer(files, layer, { disk: disk.id, offset: block * blockBytes, data });
  }
}

function adopted(
  host: SimulatedHost,
  state: State,
  from: { readonly spec: ReplicaSpec; readonly record: ReplicaRecord },
): ReplicaRecord {
  const { record, spec } = from;
  const old = machineOf(state, spec.adopt?.machine ?? spec.machine.id);
  if (old.machine.running)
    throw new Fault(
      "REPLICA_BUSY",
      `Machine ${old.machine.name} runs: its disks cannot become replica ${spec.replica}. Fence it first.`,
    );
  const disks = old.machine.disks
    .filter(({ id }) => spec.disks.includes(id))
    .map(({ id, sizeBytes }) => ({ id, sizeBytes }));
  const layer = `layer-${nextNumber(state)}`;
  const files = filesOf(host, record);
  createLayer(files, layer, disks);
  for (const disk of disks)
    fillLayer({ files, layer, disk }, readFileSync(diskPath(host.store.dir, old.machine.id, disk.id)));
  const { item } = spec;
  const cut = spec.adopt?.content;
  // Started by hand and turned off again since, its disks are that cut no more.
  const proven = cut !== undefined && isUnwritten(host.store.dir, old, { item, cut, disks: disks.map(({ id }) => id) });
  wipeTracking(host.store.dir, old.machine.id, old.tracking);
  const { tracking: _ended, ...rest } = old;
  state.put(machineKey(old.machine.id), { ...rest, autostart: false });
  return { ...record, disks, layers: [{ id: layer }], ...(proven && { lastCut: cut }) };
}
