import { setTimeout as sleep } from "node:timers/promises";
import { asOperation } from "#activities/operation.ts";
import type { OpenHost } from "#activities/hosts.ts";
import { sourceOf } from "#activities/hosts.ts";
import type { Check } from "#domain/check.ts";
import { isFault } from "#domain/fault.ts";
import type { HostName, ItemName, MachineId } from "#domain/ids.ts";
import type { HoldRequest, TrackedMachine } from "#platforms/platform.ts";

/** A machine takes longer than this to boot: it is off again before it serves. */
const lookEveryMs = 2_000;

/** The start of a held machine has no host to wait for it: its services are down for that long at most after their host is back. */
const lookForRestartMs = 3_000;

type OnHost<Request> = Request & { readonly host: HostName };

/** What is done to a machine where it runs, or ran. Each rejects with the Faults of `ReplicationSource`. */
export interface SourceActivities {
  checkSource(request: OnHost<{ readonly tracked: TrackedMachine }>): Promise<readonly Check[]>;
  shutDownMachine(
    request: OnHost<{ readonly machine: MachineId; readonly graceSeconds: number; readonly force: boolean }>,
  ): Promise<{ readonly forced: boolean }>;
  powerOnMachine(request: OnHost<{ readonly machine: MachineId }>): Promise<void>;
  /** Looks after a machine that may still go off. Answers when it had to be started again, or after `forSeconds` without. Ends early when cancelled. */
  keepMachineOn(
    request: OnHost<{ readonly machine: MachineId; readonly forSeconds: number }>,
  ): Promise<{ readonly wasOff: boolean }>;
  fenceMachine(
    request: OnHost<{ readonly item: ItemName; readonly machine: MachineId; readonly epoch: number }>,
  ): Promise<{ readonly wasRunning: boolean }>;
  /**
   * Looks after a fenced machine: turned off again whenever somebody starts it while the fence stands. Answers when it had to be, or after `forSeconds` without.
   * Ends early when cancelled, or when the host cannot be asked.
   */
  guardMachine(
    request: OnHost<{
      readonly item: ItemName;
      readonly machine: MachineId;
      readonly epoch: number;
      readonly forSeconds: number;
      /** It was not there when it was to be fenced: that is done when it appears. */
      readonly unfenced?: boolean;
    }>,
  ): Promise<{ readonly wasRunning: boolean }>;
  /** Holds the machine's start with its host, and stays. Answers when such a start is due, or after `forSeconds` without. Ends early when cancelled, or when the host cannot be asked. */
  holdAutostart(
    request: OnHost<HoldRequest & { readonly forSeconds: number }>,
  ): Promise<{ readonly startDue: boolean }>;
  startHeldMachine(request: OnHost<HoldRequest>): Promise<{ readonly started: boolean }>;
  giveAutostartBack(request: OnHost<{ readonly machine: MachineId }>): Promise<void>;
  unfenceMachine(request: OnHost<{ readonly machine: MachineId }>): Promise<{ readonly started: boolean }>;
  stopTracking(request: OnHost<{ readonly tracked: TrackedMachine }>): Promise<void>;
}

export const createSourceActivities = (openHost: OpenHost): SourceActivities => ({
  checkSource: ({ host, tracked }) => asOperation(async (op) => (await sourceOf(openHost, host)).checks(tracked, op)),
  shutDownMachine: ({ host, ...request }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).shutDown(request, op)),
  powerOnMachine: ({ host, machine }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).powerOn(machine, op)),
  keepMachineOn: ({ host, machine, forSeconds }) =>
    asOperation(async (op) => {
      const until = Date.now() + forSeconds * 1_000;
      for (;;) {
        const found = await (await sourceOf(openHost, host)).keepOn(machine, op);
        if (found.wasOff || Date.now() >= until) return found;
        await sleep(lookEveryMs, undefined, { signal: op.signal });
      }
    }),
  unfenceMachine: ({ host, machine }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).unfence(machine, op)),
  fenceMachine: ({ host, ...request }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).fence(request, op)),
  guardMachine: ({ host, forSeconds, unfenced = false, ...request }) =>
    asOperation(async (op) => {
      const until = Date.now() + forSeconds * 1_000;
      let isFenced = !unfenced;
      for (;;) {
        const source = await sourceOf(openHost, host);
        const found = await ifThere(isFenced ? source.keepFenced(request, op) : source.fence(request, op));
        isFenced ||= found !== undefined;
        const { wasRunning } = found ?? { wasRunning: false };
        if (wasRunning || Date.now() >= until) return { wasRunning };
        await sleep(lookEveryMs, undefined, { signal: op.signal });
      }
    }),
  holdAutostart: ({ host, forSeconds, ...request }) =>
    asOperation(async (op) => {
      const until = Date.now() + forSeconds * 1_000;
      for (;;) {
        const found = await (await sourceOf(openHost, host)).holdAutostart(request, op);
        if (found.startDue || Date.now() >= until) return found;
        await sleep(lookForRestartMs, undefined, { signal: op.signal });
      }
    }),
  startHeldMachine: ({ host, ...request }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).startHeld(request, op)),
  giveAutostartBack: ({ host, machine }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).giveAutostartBack(machine, op)),
  stopTracking: ({ host, tracked }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).stopTracking(tracked, op)),
});

/** Undefined: there is no such machine. One without a definition of its own is gone when it is off, and may be made again. */
async function ifThere<Found>(asked: Promise<Found>): Promise<Found | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (!isFault(error) || error.code !== "MACHINE_NOT_FOUND") throw error;
    return undefined;
  }
}
