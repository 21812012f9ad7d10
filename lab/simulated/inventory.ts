import type { Machine } from "#domain/machine.ts";
import type { Inventory } from "#platforms/platform.ts";
import type { SimulatedHost } from "./host.ts";
import { machineOf, upHost } from "./host.ts";
import { allMachines, type MachineRecord } from "./records.ts";

export function simulatedInventory(host: SimulatedHost): Inventory {
  const look = <Result>(call: string, signal: AbortSignal, work: Parameters<typeof host.store.transact<Result>>[0]) =>
    host.faults(`inventory.${call}`, signal, () =>
      host.store.transact((state) => {
        upHost(state, host.site);
        return work(state);
      }),
    );
  return {
    list: (op) => look("list", op.signal, (state) => state.list(allMachines).map(described)),
    find: (nameOrId, op) => look("find", op.signal, (state) => described(machineOf(state, nameOrId))),
    networks: (op) => look("networks", op.signal, (state) => upHost(state, host.site).networks),
  };
}

const described = ({ machine, autostart }: MachineRecord): Machine => ({ ...machine, autostart });
