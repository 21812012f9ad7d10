import { setTimeout as sleep } from "node:timers/promises";
import { asOperation } from "#activities/operation.ts";
import type { OpenHost } from "#activities/hosts.ts";
import { sourceOf } from "#activities/hosts.ts";
import type { Check } from "#domain/check.ts";
import type { HostName, ItemName, MachineId } from "#domain/ids.ts";
import type { TrackedMachine } from "#platforms/platform.ts";

/** A machine takes longer than this to boot: it is off again before it serves. */
const lookEveryMs = 2_000;

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
    }>,
  ): Promise<{ readonly wasRunning: boolean }>;
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
  guardMachine: ({ host, forSeconds, ...request }) =>
    asOperation(async (op) => {
      const until = Date.now() + forSeconds * 1_000;
      for (;;) {
        const found = await (await sourceOf(openHost, host)).keepFenced(request, op);
        if (found.wasRunning || Date.now() >= until) return found;
        await sleep(lookEveryMs, undefined, { signal: op.signal });
      }
    }),
  stopTracking: ({ host, tracked }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).stopTracking(tracked, op)),
});
