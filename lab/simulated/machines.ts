import type { DiskId, MachineId } from "#domain/ids.ts";
import type { Machine, NetworkAdapter } from "#domain/machine.ts";
import { defaultGuest, definitionText } from "./definition.ts";
import { bootOf, machineOf, newHost, start } from "./host.ts";
import { diskPath } from "./paths.ts";
import type { Guest, MachineRecord } from "./records.ts";
import { allMachines, hostKey, machineKey } from "./records.ts";
import { createSparse, resizeSparse } from "./sparse-file.ts";
import type { Store } from "./store.ts";
import { wipeTracking } from "./tracking.ts";

/** What a person at the simulated host can do: make machines, change their disks, pull the plug. */
export function addMachine(
  store: Store,
  machine: {
    readonly id: MachineId;
    readonly name: string;
    readonly disks: readonly { readonly id: DiskId; readonly sizeBytes: number; readonly format?: string }[];
    readonly adapters?: readonly NetworkAdapter[];
    readonly guest?: Partial<Guest>;
  },
): Machine {
  const { id, name, adapters = [{ mac: "52:54:00:00:00:01", network: "production" }] } = machine;
  const guest = { ...defaultGuest, ...machine.guest };
  const definition = { id, name, firmware: "bios" as const, tpm: false, adapters, guest };
  const disks = machine.disks.map((disk) => ({ format: "qcow2", location: String(disk.id), ...disk }));
  const made: Machine = { ...definition, disks, running: false, definition: definitionText(definition) };
  for (const disk of disks) createSparse(diskPath(store.dir, id, disk.id), disk.sizeBytes);
  store.transact((state) => {
    if (state.get(hostKey) === undefined) state.put(hostKey, newHost);
    state.put(machineKey(id), { machine: made, guest, generation: 0, autostart: true });
  });
  return made;
}

export const machineRecord = (store: Store, nameOrId: string): MachineRecord =>
  store.transact((state) => machineOf(state, nameOrId));

export function addDisk(store: Store, id: MachineId, disk: { readonly id: DiskId; readonly sizeBytes: number }): void {
  createSparse(diskPath(store.dir, id, disk.id), disk.sizeBytes);
  changeDisks(store, id, (disks) => [...disks, { ...disk, format: "qcow2", location: String(disk.id) }]);
}

export function growDisk(store: Store, id: MachineId, disk: { readonly id: DiskId; readonly sizeBytes: number }): void {
  resizeSparse(diskPath(store.dir, id, disk.id), disk.sizeBytes);
  changeDisks(store, id, (disks) => disks.map((other) => (other.id === disk.id ? { ...other, ...disk } : other)));
}

function changeDisks(store: Store, id: MachineId, change: (disks: Machine["disks"]) => Machine["disks"]): void {
  store.transact((state) => {
    const record = machineOf(state, id);
    state.put(machineKey(id), { ...record, machine: { ...record.machine, disks: change(record.machine.disks) } });
  });
}

/** Also in the definition, so that the guest behaves the same after a failover. */
export function changeGuest(store: Store, id: MachineId, change: Partial<Guest>): void {
  store.transact((state) => {
    const record = machineOf(state, id);
    const guest = { ...record.guest, ...change };
    const { firmware, tpm, adapters, name } = record.machine;
    const definition = definitionText({ id, name, firmware, tpm, adapters, guest });
    state.put(machineKey(id), { ...record, guest, machine: { ...record.machine, definition } });
  });
}

/** Pulls the plug: running machines stop between two writes, and what was recorded of their changes is lost, as QEMU loses it. */
export function crashHost(store: Store): void {
  store.transact((state) => {
    state.put(hostKey, { ...(state.get(hostKey) ?? newHost), up: false });
    for (const record of state.list(allMachines).filter(({ machine }) => machine.running)) {
      wipeTracking(store.dir, record.machine.id, record.tracking);
      const { tracking: _lost, ...rest } = record;
      state.put(machineKey(record.machine.id), { ...rest, machine: { ...record.machine, running: false } });
    }
  });
}

/** Plugs it in again: machines that the host starts by itself come up, also an old primary that nobody has fenced. */
export function bootHost(store: Store): readonly Machine[] {
  return store.transact((state) => {
    state.put(hostKey, { ...(state.get(hostKey) ?? newHost), up: true, boots: bootOf(state) + 1 });
    const started = state.list(allMachines).filter(({ autostart, machine }) => autostart && !machine.running);
    return started.map((record) => start(state, record).machine);
  });
}
