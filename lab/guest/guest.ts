import { existsSync } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { Fault } from "#domain/fault.ts";

import type { LabHost } from "../hosts/host.ts";
import { runInGuest } from "./agent.ts";
import { consoleFile } from "./definition.ts";
import { settingsText, type GuestSettings } from "./settings.ts";

/** A lab guest as it runs, or may run, on one host. After a failover: the same machine's name, another host. */
export interface LabGuest {
  readonly name: string;
  readonly host: LabHost;
  readonly address: string;
  /** Starts it and waits until its writer and its agent work; answers the milliseconds to READY. `POWER_ON_FAILED` with the console's last words. */
  start(options?: WaitOptions): Promise<number>;
  /** Waits until the run that goes on, or is about to begin, has said READY after `mark`. */
  waitReady(mark: number, options?: WaitOptions): Promise<void>;
  /** How much the console has said so far, to wait for what comes after. */
  consoleMark(): Promise<number>;
  console(): Promise<string>;
  /** As libvirt says: `running`, `shut off`. */
  state(): Promise<string>;
  /** Asks the guest to shut down and waits until it is off. */
  shutDown(options?: WaitOptions): Promise<void>;
  /** Pulls the plug. */
  destroy(): Promise<void>;
  /** Changes the writer's settings while it runs. */
  set(settings: Partial<Omit<GuestSettings, "name" | "disks">>): Promise<void>;
  /** What the guest serves over HTTP: proof that it works and is reachable. Rejects while it does not. */
  status(timeoutMs?: number): Promise<GuestStatus>;
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface GuestStatus {
  readonly seq: number;
  readonly ns: string;
  readonly boot: string;
  readonly blobBytes: number;
}

export const guestOn = (where: {
  readonly host: LabHost;
  readonly name: string;
  readonly address: string;
}): LabGuest => {
  const { host, name, address } = where;
  const file = host.path(consoleFile(name));
  const consoleMark = async (): Promise<number> => (existsSync(file) ? (await stat(file)).size : 0);
  const waitReady = async (mark: number, { timeoutMs = 120_000, signal }: WaitOptions = {}): Promise<void> => {
    const deadline = performance.now() + timeoutMs;
    while (!/^READY /m.test(await textSince(file, mark))) {
      signal?.throwIfAborted();
      if (performance.now() > deadline) {
        const words = (await textSince(file, mark)).trim().split("\n").slice(-5).join(" | ");
        throw new Fault(
          "POWER_ON_FAILED",
          `The guest ${name} on ${host.name} was not ready within ${timeoutMs / 1000} s; its console says: ${words || "nothing"}`,
        );
      }
      await sleep(20);
    }
  };
  return {
    name,
    host,
    address,
    consoleMark,
    waitReady,
    start: async (options) => {
      const mark = await consoleMark();
      const began = performance.now();
      await host.run('virsh -q start "$1"', [name], { signal: options?.signal });
      await waitReady(mark, options);
      const took = performance.now() - began;
      await host.run(waitForAgent, [name], { signal: options?.signal, timeoutMs: 60_000 });
      return took;
    },
    console: async () => (existsSync(file) ? readFile(file, "utf8") : ""),
    state: async () => (await host.run('virsh -q domstate "$1"', [name])).stdout.trim(),
    shutDown: async ({ timeoutMs = 120_000, signal } = {}) => {
      await host.run('virsh -q shutdown "$1"', [name], { signal });
      await host.run(waitForOff, [name], { signal, timeoutMs });
    },
    destroy: async () => {
      await host.run('virsh -q destroy "$1"', [name]);
    },
    set: async (settings) => {
      const words = settingsText(settings).trim().split("\n");
      await runInGuest(host, name, ["/usr/bin/writer", "set", ...words]);
    },
    status: async (timeoutMs = 5_000) => {
      const answer = await fetch(`http://${address}/status`, { signal: AbortSignal.timeout(timeoutMs) });
      return (await answer.json()) as GuestStatus;
    },
  };
};

const waitForAgent = `until virsh -q qemu-agent-command "$1" '{"execute":"guest-ping"}' >/dev/null 2>&1; do sleep 0.05; done`;
const waitForOff = `while [ "$(virsh -q domstate "$1")" != "shut off" ]; do sleep 0.1; done`;

const textSince = async (file: string, mark: number): Promise<string> => {
  if (!existsSync(file)) return "";
  await using handle = await open(file);
  const { size } = await handle.stat();
  if (size <= mark) return "";
  const buffer = Buffer.alloc(size - mark);
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, mark);
  return buffer.toString("utf8", 0, bytesRead);
};
