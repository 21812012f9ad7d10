import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { Fault } from "#domain/fault.ts";

import { macFor } from "../guest/address.ts";
import type { Lab } from "../hosts/lab.ts";

/** A machine that a host of a lab has a definition of, running or not. */
export interface DefinedMachine {
  readonly name: string;
  readonly host: string;
  readonly macs: readonly string[];
}

/** Read from the hosts' files, so that a host that is down, or whose libvirtd hangs, counts too. */
export const definedMachines = async (lab: Lab): Promise<readonly DefinedMachine[]> => {
  const found = await Promise.all(
    lab.hosts.map(async ({ name: host, definitions }) => {
      const files = (await readdir(definitions)).filter((file) => file.endsWith(".xml"));
      return Promise.all(
        files.map(async (file) => {
          const xml = await readFile(path.join(definitions, file), "utf8");
          return { name: path.basename(file, ".xml"), host, macs: macsIn(xml) };
        }),
      );
    }),
  );
  return found.flat();
};

const macsIn = (xml: string): readonly string[] =>
  [...xml.matchAll(/<mac address=['"]([0-9a-f:]{17})['"]/gu)].map(([, mac = ""]) => mac);

/** Addresses of guests: .100 to .199 of the lab's subnet. */
const first = 101;
const last = 199;

/**
 * The address for a new guest: the one asked for, or the first that no machine of the lab has. `INVALID_INPUT` when it is taken, or the host has a machine of that name:
 * two machines with one MAC, or one disk, would break each other.
 */
export const placeForGuest = (
  wanted: { readonly name: string; readonly host: string; readonly network: string; readonly address?: string },
  machines: readonly DefinedMachine[],
): string => {
  const { name, host, network, address } = wanted;
  if (machines.some((machine) => machine.name === name && machine.host === host))
    throw new Fault("INVALID_INPUT", `The host ${host} has a machine ${name} already; give the new one another name.`);
  const owner = (of: string): DefinedMachine | undefined => machines.find(({ macs }) => macs.includes(macFor(of)));
  if (address !== undefined) {
    const taken = owner(address);
    if (taken === undefined) return address;
    throw new Fault(
      "INVALID_INPUT",
      `The address ${address} is that of the machine ${taken.name} on ${taken.host}; without --address the next free one is taken.`,
    );
  }
  for (let number = first; number <= last; number += 1)
    if (owner(`${network}.${number}`) === undefined) return `${network}.${number}`;
  throw new Fault("INVALID_INPUT", `All addresses from ${network}.${first} to .${last} belong to machines already.`);
};
