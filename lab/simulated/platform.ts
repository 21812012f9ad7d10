import type { Platform } from "#platforms/platform.ts";
import type { Clock } from "#activities/replication/clock.ts";
import { systemClock } from "#activities/replication/clock.ts";
import type { FaultRule } from "./faults.ts";
import { createFaults } from "./faults.ts";
import type { Log, SimulatedHost } from "./host.ts";
import { simulatedInventory } from "./inventory.ts";
import { simulatedSource } from "./source.ts";
import { openStore } from "./store.ts";
import { simulatedTarget } from "./target.ts";

/**
 * A hypervisor host played by files in `dir`, behind the same contract as a real one. Everything it knows is in the folder: any process that opens the same
 * folder is another connection to the same host, and one that is killed is no loss. Machines, crashes and guests are worked from outside (`machines.ts`, `run-guests.ts`).
 */
export function createSimulatedPlatform(options: {
  readonly dir: string;
  readonly site: string;
  readonly clock?: Clock;
  readonly faults?: readonly FaultRule[];
  readonly log: Log;
}): Promise<Platform> {
  const store = openStore(options.dir);
  const host: SimulatedHost = {
    store,
    site: options.site,
    clock: options.clock ?? systemClock,
    faults: createFaults(options.faults ?? []),
    log: options.log,
  };
  return Promise.resolve({
    kind: "simulated",
    inventory: simulatedInventory(host),
    source: simulatedSource(host),
    target: simulatedTarget(host),
    [Symbol.asyncDispose]: () => Promise.resolve(store[Symbol.dispose]()),
  });
}
