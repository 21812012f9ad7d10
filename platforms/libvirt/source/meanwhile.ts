import { setTimeout as sleep } from "node:timers/promises";
import { Fault, isFault } from "#domain/fault.ts";
import type { FaultCode } from "#domain/fault-codes.ts";
import type { HostConnection } from "../host.ts";
import { isRunning } from "./live-machine.ts";

/** What is worked on, and how long one may. */
interface Machine {
  readonly host: HostConnection;
  readonly machine: string;
  readonly signal: AbortSignal;
}

/** What QEMU, its tools and libvirt say when the machine is not what it was a moment ago; of the host as such they say nothing. */
const mayComeOfIt: readonly FaultCode[] = [
  "COMMAND_FAILED",
  "COMMAND_TIMED_OUT",
  "CONNECTION_LOST",
  "CUT_NOT_FOUND",
  "DISK_NOT_TRACKABLE",
  "GUEST_FREEZE_FAILED",
  "HYPERVISOR_UNAVAILABLE",
  "MACHINE_NOT_RUNNING",
  "NBD_FAILED",
  "PERMISSION_DENIED",
  "TRACKING_LOST",
];

/** What is heard of a QEMU that ends before libvirt has noticed it. */
const heardFirst: readonly FaultCode[] = ["COMMAND_FAILED", "CONNECTION_LOST", "HYPERVISOR_UNAVAILABLE", "NBD_FAILED"];
const looksAtItsEnd = 5;
const lookEveryMs = 100;

/** Work on the cut of a running machine. Where it fails and the machine has been shut off, or started anew, that is what is told: `CUT_BROKEN`, and the cut is taken again. */
export const whileRunning = async <Result>(at: Machine, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work();
  } catch (error) {
    if (!(await cameOf(error, at, false))) throw error;
    throw new Fault(
      "CUT_BROKEN",
      `Machine ${at.machine} on host ${at.host.name} was shut off or started anew while its cut was taken or read. The cut is taken again, of the machine as it is now.`,
      { cause: error, details: { host: at.host.name, machine: at.machine } },
    );
  }
};

/** Work on the cut of a machine that is off. Where it fails and the machine runs by now, that is what is told: `CUT_BROKEN`. */
export const whileOff = async <Result>(at: Machine, work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work();
  } catch (error) {
    if (!(await cameOf(error, at, true))) throw error;
    throw startedMeanwhile(at, error);
  }
};

/** Never an obstacle for the machine: replication begins anew instead. */
export const startedMeanwhile = ({ host, machine }: Pick<Machine, "host" | "machine">, cause?: unknown): Fault =>
  new Fault(
    "CUT_BROKEN",
    `Machine ${machine} on host ${host.name} was started while its disks were read as they lay. The cut is taken again, of the machine as it is now.`,
    { cause, details: { host: host.name, machine } },
  );

const cameOf = async (error: unknown, at: Machine, runs: boolean): Promise<boolean> => {
  if (!isFault(error) || !mayComeOfIt.includes(error.code) || at.signal.aborted) return false;
  // Said of a machine that was seen running: even if it runs again by now.
  if (error.code === "MACHINE_NOT_RUNNING" && !runs) return true;
  for (let looks = runs ? 1 : looksAtItsEnd; looks > 0; looks -= 1) {
    // A host that cannot even tell this is the trouble that is to be told.
    const running = await isRunning(at.host, at.machine, at.signal).catch(() => undefined);
    if (running === undefined || running === runs) return running === runs;
    if (looks === 1 || !heardFirst.includes(error.code)) return false;
    await sleep(lookEveryMs, undefined, { signal: at.signal });
  }
  return false;
};
