import { Fault } from "#domain/fault.ts";

import { startLab } from "../hosts/lab.ts";
import { describeLab, type LabDescription } from "./describe.ts";

export interface UpOptions {
  readonly id: string;
  readonly hosts: string;
  readonly subnet?: string;
  readonly storeMib?: readonly string[];
}

/** Starts a lab and leaves it running. */
export const up = async (
  options: UpOptions,
  progress: (sentence: string) => void,
  signal: AbortSignal,
): Promise<LabDescription> => {
  const lab = await startLab({
    id: options.id,
    hosts: options.hosts.split(",").map((name) => name.trim()),
    subnet: options.subnet,
    storeBytes: Object.fromEntries((options.storeMib ?? []).map(parseStore)),
    progress,
    signal,
  });
  await lab.keep();
  return describeLab(lab);
};

const parseStore = (text: string): readonly [string, number] => {
  const [, host, mib] = /^([a-z0-9-]+)=(\d+)$/.exec(text) ?? [];
  if (host === undefined || mib === undefined) {
    throw new Fault("INVALID_INPUT", `--store-mib takes HOST=MIB, such as lyon1=512, and "${text}" was given.`);
  }
  return [host, Number(mib) * 1024 * 1024];
};
