import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { ackFile } from "../guest/definition.ts";
import type { LabHost } from "../hosts/host.ts";
import type { Verdict } from "./check-image.ts";

/** A write the guest reported durable, outside of it. */
export interface Acknowledgement {
  readonly seq: number;
  /** By the guest's clock, ns since 1970. */
  readonly ns: bigint;
  /** The run of the guest. */
  readonly boot: bigint;
}

/** The newest write that a machine's guest acknowledged while it ran on that host; undefined when none. There also when the host is down. */
export const newestAck = async (host: LabHost, machine: string): Promise<Acknowledgement | undefined> => {
  const file = host.path(ackFile(machine));
  if (!existsSync(file)) return undefined;
  return parseAcks(await readFile(file, "utf8")).at(-1);
};

/** All acknowledgements in the text, oldest first; a line cut off at the end is none. */
export const parseAcks = (text: string): readonly Acknowledgement[] =>
  [...text.matchAll(/^ACK (\d+) (\d+) (\d+)\n/gm)].map(([, seq = "", ns = "", boot = ""]) => ({
    seq: Number(seq),
    ns: BigInt(ns),
    boot: BigInt(boot),
  }));

/** What a failover cost. */
export interface Loss {
  /** Acknowledged records that did not come back. */
  readonly records: number;
  /** The time between the newest acknowledged record and the newest recovered one, by the guest's clock: the measured RPO. */
  readonly milliseconds: number;
}

/** Counts what was acknowledged and is not in the image. */
export const measureLoss = (newest: Acknowledgement | undefined, recovered: Pick<Verdict, "head" | "headNs">): Loss => {
  if (newest === undefined || newest.seq <= recovered.head) return { records: 0, milliseconds: 0 };
  return { records: newest.seq - recovered.head, milliseconds: Number(newest.ns - recovered.headNs) / 1e6 };
};
