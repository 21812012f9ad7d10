import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import type { MachineId } from "#domain/ids.ts";
import type { HostConnection } from "../host.ts";
import { isRunning } from "./live-machine.ts";

/** A guest that was still booting misses the first request. */
const askAgainMs = 10_000;
/** 2 ms a look; what is waited too long is downtime of a planned failover. */
const lookEveryMs = 50;

/**
 * Asks the guest to shut down, through its agent or its power button, whichever it has. After `graceSeconds` it is turned off when `force` is set
 * (QEMU ends in order and keeps its records), else `SHUTDOWN_TIMED_OUT`. A machine that is off already is done.
 */
export const shutDownMachine = async (
  host: HostConnection,
  request: { readonly machine: MachineId; readonly graceSeconds: number; readonly force: boolean },
  signal: AbortSignal,
): Promise<{ readonly forced: boolean }> => {
  const { machine, graceSeconds, force } = request;
  const bounds = { signal, timeoutMs: 30_000, purpose: `shut machine ${machine} down` };
  const deadline = Date.now() + graceSeconds * 1_000;
  for (let asked = 0; await isRunning(host, machine, signal);) {
    const now = Date.now();
    if (now >= deadline) {
      if (!force)
        throw new Fault(
          "SHUTDOWN_TIMED_OUT",
          `The guest of machine ${machine} on host ${host.name} did not shut down within ${graceSeconds.toString()} s. Look at its console; allow it more time (shutdownGraceSeconds), or turn it off with force.`,
          { details: { host: host.name, machine, graceSeconds } },
        );
      await destroy(host, machine, signal);
      return { forced: true };
    }
    if (now - asked >= askAgainMs) {
      asked = now;
      await host.virsh([["shutdown", machine]], bounds).catch(onlyIfRunning);
    }
    await sleep(Math.min(lookEveryMs, Math.max(1, deadline - now)), undefined, { signal });
  }
  return { forced: false };
};

/** Turns it off at once, as pulling the plug does for the guest; QEMU itself still closes its images. */
export const destroy = async (host: HostConnection, machine: MachineId, signal: AbortSignal): Promise<void> => {
  await host
    .virsh([["destroy", machine]], { signal, timeoutMs: 45_000, purpose: `turn machine ${machine} off` })
    .catch(onlyIfRunning);
};

/** It went off by itself between the look and the order. */
const onlyIfRunning = (error: unknown): void => {
  if (!(error instanceof Fault) || error.code !== "MACHINE_NOT_RUNNING") throw error;
};

/** Starts it. Rejects with `POWER_ON_FAILED` and libvirt's reason. */
export const powerOnMachine = async (host: HostConnection, machine: MachineId, signal: AbortSignal): Promise<void> => {
  if (await isRunning(host, machine, signal)) return;
  try {
    await host.virsh([["start", machine]], { signal, timeoutMs: 90_000, purpose: `start machine ${machine}` });
  } catch (error) {
    // QEMU that ends while it starts is told as a machine that does not run.
    if (!(error instanceof Fault) || !["COMMAND_FAILED", "MACHINE_NOT_RUNNING"].includes(error.code)) throw error;
    if (/already active|already running/i.test(error.message)) return;
    throw new Fault("POWER_ON_FAILED", `Machine ${machine} could not be started. ${error.message}`, {
      cause: error,
      details: { host: host.name, machine },
    });
  }
};
