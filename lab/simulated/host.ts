import type { Check } from "#domain/check.ts";
import { Fault } from "#domain/fault.ts";
import type { ItemName } from "#domain/ids.ts";
import { instant } from "#domain/ids.ts";
import type { Clock } from "#activities/replication/clock.ts";
import type { Faults } from "./faults.ts";
import type { HostRecord, MachineRecord } from "./records.ts";
import { allMachines, hostKey, machineKey } from "./records.ts";
import type { State, Store } from "./store.ts";

/** Says what happens, with fields; never a secret. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What every role of one simulated platform works with. */
export interface SimulatedHost {
  readonly store: Store;
  readonly site: string;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly log: Log;
}

export const newHost: HostRecord = { up: true, networks: ["production", "recovery", "isolated"], counter: 0 };

/** Throws `HOST_UNREACHABLE` while the simulated host is crashed. */
export function upHost(state: State, site: string): HostRecord {
  const host = state.get(hostKey) ?? newHost;
  if (!host.up)
    throw new Fault(
      "HOST_UNREACHABLE",
      `The simulated host of site ${site} does not answer: it has crashed. Boot it again.`,
    );
  return host;
}

/** Which boot of the host this is. */
export const bootOf = (state: State): number => state.get(hostKey)?.boots ?? 0;

/** Throws `MACHINE_NOT_FOUND`, with the names there are. */
export function machineOf(state: State, nameOrId: string): MachineRecord {
  const all = state.list(allMachines);
  const found =
    all.find(({ machine }) => machine.id === nameOrId) ?? all.find(({ machine }) => machine.name === nameOrId);
  if (found !== undefined) return found;
  const names = all.map(({ machine }) => machine.name).join(", ");
  throw new Fault(
    "MACHINE_NOT_FOUND",
    `There is no machine "${nameOrId}" on this host. ${names === "" ? "It has none." : `It has ${names}.`}`,
  );
}

/** A number that was never answered before. */
export function nextNumber(state: State): number {
  const host = state.get(hostKey) ?? newHost;
  state.put(hostKey, { ...host, counter: host.counter + 1 });
  return host.counter + 1;
}

/** Throws `STALE_EPOCH` when the machine was fenced under a newer epoch than the caller's. */
export function refuseStaleOwner(
  record: MachineRecord,
  caller: { readonly item: ItemName; readonly epoch: number },
): void {
  if (record.fencedEpoch !== undefined && caller.epoch < record.fencedEpoch)
    throw new Fault(
      "STALE_EPOCH",
      `Machine ${record.machine.name} was fenced under epoch ${record.fencedEpoch}; item ${caller.item} asks under the older epoch ${caller.epoch}.`,
    );
}

export const hostTime = (host: SimulatedHost) => instant(host.clock.now());

/** Turns the machine on, as a new start. */
export function start(state: State, record: MachineRecord): MachineRecord {
  if (record.machine.running) return record;
  const next = { ...record, generation: record.generation + 1, machine: { ...record.machine, running: true } };
  state.put(machineKey(record.machine.id), next);
  return next;
}

export const passed = (name: string, detail: string): Check => ({ name, passed: true, detail });
