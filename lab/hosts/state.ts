import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { type LabShape, planTopology, type Topology } from "./topology.ts";

/** What is written down of a lab, before anything of it is made, so that it can be removed whatever happens to us. */
export interface LabState {
  readonly version: 1;
  readonly shape: LabShape;
  readonly startedAt: string;
  /** The run of this machine it was started in: nothing of a lab outlives that, except its files. */
  readonly machineRun: string;
  /** The process the lab lives and dies with. Absent: it was left running on purpose. */
  readonly owner?: ProcessIdentity;
  /** Process 1 of each host that runs, as the machine numbers it. */
  readonly hosts: Readonly<Record<string, ProcessIdentity>>;
  /** All of the lab is there: cleared by nothing, so its absence tells a start that was cut short. */
  readonly complete: boolean;
}

/** A lab's folder and its state file. */
export interface LabRecord {
  readonly folder: string;
  readonly topology: Topology;
  read(): Promise<LabState>;
  change(next: (state: LabState) => LabState): Promise<LabState>;
}

const stateFile = (dir: string, id: string): string => path.join(dir, id, "state.json");

/** Claims the id in `dir` for a new lab. False when there is a state file already. */
export const claimLab = async (dir: string, shape: LabShape): Promise<boolean> => {
  const state: LabState = {
    version: 1,
    shape,
    startedAt: new Date().toISOString(),
    machineRun: await machineRun(),
    owner: await identify(process.pid),
    hosts: {},
    complete: false,
  };
  await mkdir(path.join(dir, shape.id), { recursive: true });
  try {
    await writeFile(stateFile(dir, shape.id), JSON.stringify(state, undefined, 2), { flag: "wx" });
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
};

/** The record of a lab there is; undefined when there is none of that id. */
export const openRecord = async (dir: string, id: string): Promise<LabRecord | undefined> => {
  const file = stateFile(dir, id);
  const read = async (): Promise<LabState> => JSON.parse(await readFile(file, "utf8")) as LabState;
  let first: LabState;
  try {
    first = await read();
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
  let last: Promise<unknown> = Promise.resolve();
  return {
    folder: path.dirname(file),
    topology: planTopology(first.shape),
    read,
    // one change after the other, and each file whole: two hosts may start at once
    change: (next) => {
      const change = last.then(async () => {
        const state = next(await read());
        await writeFile(`${file}.new`, JSON.stringify(state, undefined, 2));
        await rename(`${file}.new`, file);
        return state;
      });
      last = change.catch(() => undefined); // the caller hears of it; the next change must still run
      return change;
    },
  };
};

/** The ids of all labs with a state file in `dir`. */
export const listLabs = async (dir: string): Promise<readonly string[]> => {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const records = await Promise.all(folders.map((id) => openRecord(dir, id)));
    return folders.filter((_, index) => records[index] !== undefined);
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
};

/** Forgets the lab and all its files. Only after everything else of it is gone. */
export const removeRecord = async (record: LabRecord): Promise<void> => {
  await rm(record.folder, { recursive: true, force: true });
};

/** Whether the lab's owner still lives, or, when it was left running on purpose, whether this machine has not been restarted since. */
export const isInUse = async (state: LabState): Promise<boolean> =>
  state.owner === undefined ? state.machineRun === (await machineRun()) : isAlive(state.owner);

const machineRun = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
