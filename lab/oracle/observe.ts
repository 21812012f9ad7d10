import { setTimeout as sleep } from "node:timers/promises";

import { ackFile, consoleFile } from "../guest/definition.ts";
import type { LabHost } from "../hosts/host.ts";
import { type Acknowledgement, parseAcks } from "./acks.ts";
import { tail, type Tail } from "./tail.ts";

/** What was seen of a machine from outside, on this machine's one clock: `at` is in ms since 1970. */
export type MachineEvent =
  | ({ readonly kind: "acknowledged"; readonly host: string; readonly at: number } & Acknowledgement)
  /** It booted and judged its disks. */
  | {
      readonly kind: "started";
      readonly host: string;
      readonly at: number;
      readonly ok: boolean;
      readonly head: number;
      readonly problems: readonly string[];
    }
  | { readonly kind: "stopped"; readonly host: string; readonly at: number };

export interface MachineObserver extends AsyncDisposable {
  /** All events so far, oldest first. */
  events(): readonly MachineEvent[];
}

const pollMs = 10;

/** Watches a machine on all the hosts it may run on, from now on until disposed of. What it did before is left out. */
export const observeMachine = async (request: {
  readonly hosts: readonly LabHost[];
  readonly machine: string;
}): Promise<MachineObserver> => {
  const events: MachineEvent[] = [];
  const watched = request.hosts.map((host) => ({
    host: host.name,
    acks: tail(host.path(ackFile(request.machine))),
    console: tail(host.path(consoleFile(request.machine))),
  }));
  await Promise.all(watched.flatMap(({ acks, console: said }) => [acks.read(), said.read()]));
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      for (const each of watched) events.push(...(await newEvents(each)));
      await sleep(pollMs);
    }
  };
  const done = watch();
  return {
    events: () => events,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await done;
    },
  };
};

const newEvents = async (watched: {
  readonly host: string;
  readonly acks: Tail;
  readonly console: Tail;
}): Promise<readonly MachineEvent[]> => {
  const { host } = watched;
  const said = await watched.console.read();
  const acks = await watched.acks.read();
  const at = Date.now();
  return [
    ...said.flatMap((line) => eventOnConsole(line, host, at)),
    ...parseAcks(acks.map((line) => `${line}\n`).join("")).map((ack) => ({
      kind: "acknowledged" as const,
      host,
      at,
      ...ack,
    })),
  ];
};

/** The console's lines that mean something; the kernel's own words do not. */
const eventOnConsole = (line: string, host: string, at: number): readonly MachineEvent[] => {
  const text = line.trim();
  if (text === "STOPPED") return [{ kind: "stopped", host, at }];
  if (text.startsWith("MOUNT-FAILED ")) {
    return [
      {
        kind: "started",
        host,
        at,
        ok: false,
        head: 0,
        problems: [`the file system ${text.slice(13)} could not be mounted`],
      },
    ];
  }
  if (!text.startsWith("MOUNTED {")) return [];
  const verdict = JSON.parse(text.slice(8)) as {
    readonly ok: boolean;
    readonly head: number;
    readonly problems: readonly string[];
  };
  return [{ kind: "started", host, at, ok: verdict.ok, head: verdict.head, problems: verdict.problems }];
};
