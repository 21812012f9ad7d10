import type { MachineId } from "#domain/ids.ts";
import type { HoldRequest } from "#platforms/platform.ts";
import type { SimulatedHost } from "./host.ts";
import { bootOf, machineOf, start, upHost } from "./host.ts";
import type { MachineRecord } from "./records.ts";
import { machineKey } from "./records.ts";
import type { State } from "./store.ts";

/** `ReplicationSource.holdAutostart`. */
export const holdAutostart = (host: SimulatedHost, request: HoldRequest): { readonly startDue: boolean } =>
  host.store.transact((state) => {
    upHost(state, host.site);
    return { startDue: isDue(state, hold(state, request)) };
  });

/** `ReplicationSource.startHeld`. */
export const startHeld = (host: SimulatedHost, request: HoldRequest): { readonly started: boolean } =>
  host.store.transact((state) => {
    upHost(state, host.site);
    const record = hold(state, request);
    if (!isDue(state, record)) return { started: false };
    start(state, record);
    hold(state, request);
    return { started: true };
  });

/** `ReplicationSource.giveAutostartBack`. */
export const giveAutostartBack = (host: SimulatedHost, machine: MachineId): void =>
  host.store.transact((state) => {
    upHost(state, host.site);
    state.put(machineKey(machine), givenBack(machineOf(state, machine)));
  });

/** Nothing is held any more; what is fenced does not start with its host all the same. */
const givenBack = ({ held, ...record }: MachineRecord): MachineRecord =>
  held === undefined ? record : { ...record, autostart: record.fenced !== true };

/** Takes over what there is to take over, and remembers in which boot of its host the machine last ran. */
function hold(state: State, { machine: id, since }: HoldRequest): MachineRecord {
  const record = machineOf(state, id);
  const { held, autostart, fenced, machine } = record;
  if (fenced === true || (held === undefined && !autostart)) return record;
  const ours = held?.since === since ? held : undefined;
  const ranIn = machine.running ? bootOf(state) : (ours?.ranIn ?? bootOf(state));
  const next: MachineRecord = { ...record, autostart: false, held: { ranIn, ...(since !== undefined && { since }) } };
  state.put(machineKey(machine.id), next);
  return next;
}

const isDue = (state: State, { held, machine, fenced }: MachineRecord): boolean =>
  fenced !== true && held !== undefined && !machine.running && held.ranIn !== bootOf(state);
