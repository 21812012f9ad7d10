import { Fault } from "#domain/fault.ts";
import type { ItemName, MachineId } from "#domain/ids.ts";
import type { SimulatedHost } from "./host.ts";
import { machineOf, start, upHost } from "./host.ts";
import type { MachineRecord } from "./records.ts";
import { machineKey } from "./records.ts";
import { wipeScratch } from "./tracking.ts";

/** `ReplicationSource.shutDown`. */
export async function shutDown(
  host: SimulatedHost,
  request: { readonly machine: MachineId; readonly graceSeconds: number; readonly force: boolean },
  signal: AbortSignal,
): Promise<{ readonly forced: boolean }> {
  const record = host.store.transact((state) => {
    upHost(state, host.site);
    return machineOf(state, request.machine);
  });
  if (!record.machine.running) return { forced: false };
  if (!record.guest.obeysShutDown) {
    await host.clock.sleep(request.graceSeconds * 1000, signal);
    if (!request.force)
      throw new Fault(
        "SHUTDOWN_TIMED_OUT",
        `Machine ${record.machine.name} did not shut down within ${request.graceSeconds} s. Shut it down by hand, or order it with force.`,
      );
  }
  turnOff(host, request.machine, (off) => off);
  return { forced: !record.guest.obeysShutDown };
}

/** `ReplicationSource.powerOn`. */
export function powerOn(host: SimulatedHost, machine: MachineId): void {
  host.store.transact((state) => {
    upHost(state, host.site);
    start(state, unfenced(machineOf(state, machine)));
  });
  host.log("machine turned on", { machine });
}

/** `ReplicationSource.keepOn`. */
export function keepOn(host: SimulatedHost, machine: MachineId): { readonly wasOff: boolean } {
  return host.store.transact((state) => {
    upHost(state, host.site);
    const record = machineOf(state, machine);
    if (record.machine.running || record.fenced === true) return { wasOff: false };
    start(state, record);
    return { wasOff: true };
  });
}

/** `ReplicationSource.unfence`. */
export function unfence(host: SimulatedHost, machine: MachineId): { readonly started: boolean } {
  return host.store.transact((state) => {
    upHost(state, host.site);
    const record = machineOf(state, machine);
    const started = record.fenced === true && record.fencedBy?.wasRunning === true;
    state.put(machineKey(record.machine.id), unfenced(record));
    if (started) start(state, unfenced(record));
    return { started };
  });
}

/** The fence is lifted; its host does with the machine what it did before. */
const unfenced = (record: MachineRecord): MachineRecord => ({
  ...record,
  fenced: false,
  autostart: record.fenced === true ? (record.fencedBy?.autostart ?? record.autostart) : record.autostart,
});

/** `ReplicationSource.fence`. */
export function fence(
  host: SimulatedHost,
  request: { readonly item: ItemName; readonly machine: MachineId; readonly epoch: number; readonly order: string },
): { readonly wasRunning: boolean } {
  const { order } = request;
  let wasRunning = false;
  turnOff(host, request.machine, (record) => {
    if ((record.fencedEpoch ?? 0) > request.epoch)
      throw new Fault(
        "STALE_EPOCH",
        `Machine ${record.machine.name} was fenced under epoch ${record.fencedEpoch}; item ${request.item} asks under the older epoch ${request.epoch}.`,
      );
    const before = record.fencedBy?.order === order && record.fencedBy.wasRunning;
    wasRunning = before || record.machine.running;
    const { held, ...rest } = record;
    const fencedBy = { order, wasRunning, autostart: unfenced(record).autostart || held !== undefined };
    return { ...rest, autostart: false, fencedEpoch: request.epoch, fenced: true, fencedBy };
  });
  host.log("machine fenced", { ...request, wasRunning });
  return { wasRunning };
}

/** `ReplicationSource.keepFenced`. */
export function keepFenced(
  host: SimulatedHost,
  request: { readonly machine: MachineId; readonly epoch: number },
): { readonly wasRunning: boolean } {
  const { machine, fenced, fencedEpoch } = host.store.transact((state) => {
    upHost(state, host.site);
    return machineOf(state, request.machine);
  });
  if (!machine.running || fenced !== true || (fencedEpoch ?? 0) < request.epoch) return { wasRunning: false };
  return { wasRunning: turnOff(host, request.machine, (record) => record) };
}

/** A cut that stands on a running machine goes with it; the records of changes stay, as QEMU stores them when it ends in order. */
function turnOff(host: SimulatedHost, id: MachineId, change: (record: MachineRecord) => MachineRecord): boolean {
  return host.store.transact((state) => {
    upHost(state, host.site);
    const record = machineOf(state, id);
    const changed = change(record);
    if (!record.machine.running) {
      state.put(machineKey(id), changed);
      return false;
    }
    wipeScratch(host.store.dir, id, record.tracking);
    const { tracking, ...rest } = changed;
    state.put(machineKey(id), {
      ...rest,
      ...(tracking && { tracking: { item: tracking.item, segments: tracking.segments } }),
      machine: { ...record.machine, running: false },
    });
    return true;
  });
}
