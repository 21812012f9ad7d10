import { Fault } from "#domain/fault.ts";

import { buildGuest } from "../guest/build.ts";
import { createMachine } from "../guest/machine.ts";
import { chooseLab } from "./choose-lab.ts";
import { definedMachines, placeForGuest } from "./guest-place.ts";

export interface GuestOptions {
  readonly id?: string;
  readonly host: string;
  readonly address?: string;
  readonly sizeMib: string;
  readonly rateKib: string;
}

/** Makes a guest on a host of a running lab and starts it. */
export const addGuest = async (
  name: string,
  options: GuestOptions,
  progress: (sentence: string) => void,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly host: string; readonly address: string; readonly readyMs: number }> => {
  const lab = await chooseLab(options.id);
  const host = lab.host(options.host);
  const address = placeForGuest(
    {
      name,
      host: host.name,
      network: lab.address.replace(/\.1$/, ""),
      ...(options.address === undefined ? {} : { address: options.address }),
    },
    await definedMachines(lab),
  );
  const parts = await buildGuest({ progress, signal });
  progress(`making the machine ${name} on ${host.name}`);
  const guest = await createMachine({
    host,
    name,
    addresses: [address],
    disks: [{ sizeBytes: number(options.sizeMib, "--size-mib") * 1024 * 1024 }],
    settings: { rateKibPerSecond: number(options.rateKib, "--rate-kib") },
    parts,
    signal,
  });
  progress("starting it");
  return { name, host: host.name, address, readyMs: Math.round(await guest.start({ signal })) };
};

const number = (text: string, option: string): number => {
  if (!/^\d+$/.test(text))
    throw new Fault("INVALID_INPUT", `${option} must be a whole number, and "${text}" was given.`);
  return Number(text);
};
