import type { Check } from "#domain/check.ts";
import { isFault } from "#domain/fault.ts";
import type { TrackedMachine } from "#platforms/platform.ts";
import type { MachineRecord } from "./records.ts";
import type { SimulatedHost } from "./host.ts";
import { machineOf, passed, upHost } from "./host.ts";
import { hostKey } from "./records.ts";

/** `ReplicationSource.checks`: all of them, also after one failed. */
export function checkSource(host: SimulatedHost, tracked: TrackedMachine): readonly Check[] {
  return host.store.transact((state) => {
    upHost(state, host.site);
    const up = passed(
      "The host answers",
      `Simulated host of ${host.site}, number ${state.get(hostKey)?.counter ?? 0}.`,
    );
    try {
      const { machine, tracking } = machineOf(state, tracked.machine);
      return [
        up,
        passed("The machine exists", `${machine.name} is ${machine.running ? "running" : "shut off"}.`),
        checkOwner(machine.name, tracking, tracked),
        ...tracked.disks.map((wanted): Check => {
          const name = `Disk ${wanted} can be tracked`;
          const disk = machine.disks.find(({ id }) => id === wanted);
          if (disk !== undefined && disk.format !== "raw")
            return passed(name, `${disk.format}, ${disk.sizeBytes} bytes.`);
          return {
            name,
            passed: false,
            code: "DISK_NOT_TRACKABLE",
            detail:
              disk === undefined
                ? `${machine.name} has no disk ${wanted}.`
                : `Disk ${wanted} is raw: it holds no record of changes.`,
            action:
              disk === undefined
                ? "Name a disk the machine has, or take it out."
                : "Convert the disk to qcow2, or exclude it.",
          };
        }),
      ];
    } catch (error) {
      if (!isFault(error)) throw error;
      const detail = error.message;
      return [
        up,
        { name: "The machine exists", passed: false, code: error.code, detail, action: "Correct the machine's name." },
      ];
    }
  });
}

function checkOwner(name: string, tracking: MachineRecord["tracking"], tracked: TrackedMachine): Check {
  if (tracking === undefined || tracking.item === tracked.item || tracking.segments.length === 0)
    return passed("No other item has it", `No other item keeps records of ${name}.`);
  return {
    name: "No other item has it",
    passed: false,
    code: "OPERATION_NOT_ALLOWED",
    detail: `Machine ${name} is protected as the item ${tracking.item} already: one machine is one item.`,
    action: "Disable that item first.",
  };
}
