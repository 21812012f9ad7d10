import type { MachineId } from "#domain/ids.ts";
import type { Machine, NetworkAdapter } from "#domain/machine.ts";
import type { Guest } from "./records.ts";

/** The simulated platform's own text of a machine, as libvirt has domain XML: carried with every cut and restored at a failover. */
export interface Definition {
  readonly id: MachineId;
  readonly name: string;
  readonly firmware: Machine["firmware"];
  readonly tpm: boolean;
  readonly adapters: readonly NetworkAdapter[];
  readonly guest: Guest;
}

export const defaultGuest: Guest = { program: "none", writesPerSecond: 50, agent: "present", obeysShutDown: true };

export const definitionText = (definition: Definition): string => JSON.stringify(definition);
export const parseDefinition = (text: string): Definition => JSON.parse(text) as Definition;
