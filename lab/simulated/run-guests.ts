import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "#domain/fault.ts";
import type { MachineId } from "#domain/ids.ts";
import { readGuest, writeGuest } from "./guest-disk.ts";
import type { OracleLayout, OracleRead } from "./oracle.ts";
import { checkOracle, headWrite, readHead, recordWrite } from "./oracle.ts";
import type { MachineRecord } from "./records.ts";
import { allMachines } from "./records.ts";
import type { Store } from "./store.ts";
import { openStore } from "./store.ts";

/** A record the guest has been told is safe. Kept outside of the machine, it tells what a failover lost. */
export interface Acknowledged {
  readonly machine: MachineId;
  readonly name: string;
  readonly record: number;
  readonly atMs: number;
}

/** What a guest finds when it starts: it checks its whole disk before it writes on. */
export interface Started {
  readonly machine: MachineId;
  readonly name: string;
  readonly head: number;
  /** What contradicts one instant of the source; nothing when all is well. */
  readonly problems: readonly string[];
  readonly atMs: number;
}

/**
 * Plays the guests of one simulated host: each running machine whose program is `writer` writes records with the consistency oracle from its start to
 * its end, going on from the head it finds. To be run by whoever plays the host's power, not by a worker: workers die and machines go on.
 */
export function runGuests(options: {
  readonly dir: string;
  readonly onAcknowledged: (acknowledged: Acknowledged) => void;
  readonly onStarted?: (started: Started) => void;
  readonly now?: () => number;
}): AsyncDisposable {
  const store = openStore(options.dir);
  const stopping = new AbortController();
  const ended = watch(store, options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
      store[Symbol.dispose]();
    },
  };
}

type GuestOptions = Parameters<typeof runGuests>[0];
const lookEveryMs = 25;

async function watch(store: Store, options: GuestOptions, signal: AbortSignal): Promise<void> {
  const guests = new Map<string, Promise<void>>();
  while (!signal.aborted) {
    for (const record of store.transact((state) => state.list(allMachines))) {
      const key = `${record.machine.id} ${record.generation}`;
      if (!record.machine.running || record.guest.program !== "writer" || guests.has(key)) continue;
      guests.set(key, playWriter(store, { record, options, signal }));
    }
    await pause(lookEveryMs, signal);
  }
  await Promise.all(guests.values());
}

async function playWriter(
  store: Store,
  of: { readonly record: MachineRecord; readonly options: GuestOptions; readonly signal: AbortSignal },
): Promise<void> {
  const { record, options, signal } = of;
  const writer = openWriter(store, record);
  const periodMs = 1000 / record.guest.writesPerSecond;
  const now = options.now ?? Date.now;
  const { id: machine, name } = record.machine;
  try {
    options.onStarted?.({ machine, name, ...writer.check(), atMs: now() });
    for (
      let due = performance.now();
      !signal.aborted;
      due = Math.max(due + periodMs, performance.now() - 10 * periodMs)
    ) {
      const number = writer.writeNext();
      options.onAcknowledged({ machine, name, record: number, atMs: now() });
      await pause(due + periodMs - performance.now(), signal);
    }
  } catch (error) {
    if (!isFault(error) || error.code !== "MACHINE_NOT_RUNNING") throw error;
  }
}

/** One running machine's writer, a record at a time. Answers the number of the record that is safe now; throws `MACHINE_NOT_RUNNING` when the machine ends. */
export function openWriter(
  store: Store,
  record: MachineRecord,
): { check(): ReturnType<typeof checkOracle>; writeNext(): number } {
  const guest = { machine: record.machine.id, generation: record.generation };
  const machine: OracleLayout = { disks: record.machine.disks };
  const read: OracleRead = (disk, offset, length) => readGuest(store, guest, { disk, offset, length });
  const head = readHead(machine, read);
  const { layout } = head;
  let last = head.number;
  return {
    check: () => checkOracle(machine, read),
    writeNext() {
      writeGuest(store, guest, recordWrite(layout, last + 1));
      writeGuest(store, guest, headWrite(layout, last + 1));
      last += 1;
      return last;
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
  else await new Promise(setImmediate);
}
