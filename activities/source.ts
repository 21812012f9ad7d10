import { asOperation } from "#activities/operation.ts";
import type { OpenHost } from "#activities/hosts.ts";
import { sourceOf } from "#activities/hosts.ts";
import type { Check } from "#domain/check.ts";
import type { HostName, ItemName, MachineId } from "#domain/ids.ts";
import type { TrackedMachine } from "#platforms/platform.ts";

type OnHost<Request> = Request & { readonly host: HostName };

/** What is done to a machine where it runs, or ran. Each rejects with the Faults of `ReplicationSource`. */
export interface SourceActivities {
  checkSource(request: OnHost<{ readonly tracked: TrackedMachine }>): Promise<readonly Check[]>;
  shutDownMachine(
    request: OnHost<{ readonly machine: MachineId; readonly graceSeconds: number; readonly force: boolean }>,
  ): Promise<{ readonly forced: boolean }>;
  powerOnMachine(request: OnHost<{ readonly machine: MachineId }>): Promise<void>;
  fenceMachine(
    request: OnHost<{ readonly item: ItemName; readonly machine: MachineId; readonly epoch: number }>,
  ): Promise<{ readonly wasRunning: boolean }>;
  stopTracking(request: OnHost<{ readonly tracked: TrackedMachine }>): Promise<void>;
}

export const createSourceActivities = (openHost: OpenHost): SourceActivities => ({
  checkSource: ({ host, tracked }) => asOperation(async (op) => (await sourceOf(openHost, host)).checks(tracked, op)),
  shutDownMachine: ({ host, ...request }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).shutDown(request, op)),
  powerOnMachine: ({ host, machine }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).powerOn(machine, op)),
  fenceMachine: ({ host, ...request }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).fence(request, op)),
  stopTracking: ({ host, tracked }) =>
    asOperation(async (op) => (await sourceOf(openHost, host)).stopTracking(tracked, op)),
});
