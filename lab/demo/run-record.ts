import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { Fault } from "#domain/fault.ts";
import { cacheDir } from "#lab/hosts/lab-dir.ts";
import { identify, isAlive, type ProcessIdentity, signalProcess, waitForExit } from "#lab/hosts/process-identity.ts";

/** What is written down of a demo while it runs, so that the next one can remove it whatever happened to this one. */
interface Run {
  readonly version: 1;
  /** The demo's own process. Absent: it was kept running on purpose. */
  readonly owner?: ProcessIdentity;
  /** What it started, in the order it is to be ended. */
  readonly processes: readonly ProcessIdentity[];
  /** How each site's worker is started, for `understudy lab revive`. Holds no secret. Absent: noted by a version that did not know how. */
  readonly workers?: Readonly<Record<string, WorkerStart>>;
}

/** How a site's worker is started, and the process that it was the last time. */
export interface WorkerStart {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly process?: ProcessIdentity;
}

/** A demo's folder, with its record in it. */
export interface RunRecord {
  readonly folder: string;
  /** Notes a process that this demo started. */
  add(pid: number): Promise<void>;
  /** Notes how a site's worker is started, and as which process it runs now. */
  addWorker(site: string, worker: WorkerStart): Promise<void>;
  worker(site: string): WorkerStart | undefined;
  /** From now on nobody owns it: only `--down` ends it. */
  keep(): Promise<void>;
  /** Ends every noted process (SIGTERM, after two seconds SIGKILL) and removes the folder. */
  end(): Promise<void>;
}

/** Where demos keep their state unless told otherwise. */
const demoDir = path.join(cacheDir, "demo");
const fileOf = (folder: string): string => path.join(folder, "run.json");

/** Starts a record; what a crashed demo of that name left is ended first. Rejects with `INVALID_INPUT` while one runs or was kept. */
export const claimRun = async (
  name: string,
  options: { readonly dir?: string; readonly progress: (sentence: string) => void },
): Promise<RunRecord> => {
  const folder = path.join(options.dir ?? demoDir, name);
  const left = await readRun(folder);
  if (left !== undefined && (await isInUse(left))) {
    throw new Fault(
      "INVALID_INPUT",
      left.owner === undefined
        ? `A demo was kept running (npm run demo -- --keep). End it first: npm run demo -- --down`
        : `A demo runs already in this folder, as process ${left.owner.pid}. Wait for its end, or press Ctrl-C there.`,
    );
  }
  if (left !== undefined) {
    options.progress("An earlier demo did not end properly; removing what it left.");
    await endRun(folder, left);
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const run: Run = { version: 1, owner: await identify(process.pid), processes: [], workers: {} };
  await writeRun(folder, run);
  return recordOf(folder, run);
};

/** The record of a demo that was kept, for another process to work on; undefined when there is none. */
export const openKept = async (
  name: string,
  options: { readonly dir?: string } = {},
): Promise<RunRecord | undefined> => {
  const folder = path.join(options.dir ?? demoDir, name);
  const run = await readRun(folder);
  return run === undefined || run.owner !== undefined || !(await isInUse(run)) ? undefined : recordOf(folder, run);
};

const recordOf = (folder: string, first: Run): RunRecord => {
  let run = first;
  let ended = false;
  // One change after the other: several processes start at once.
  let last: Promise<unknown> = Promise.resolve();
  const change = (next: (now: Run) => Run | Promise<Run>): Promise<void> => {
    const changing = last.then(async () => {
      run = await next(run);
      await writeRun(folder, run);
    });
    last = changing.catch(() => undefined); // its caller hears of it; the next change must still happen
    return changing;
  };
  return {
    folder,
    async add(pid) {
      const process = await identify(pid);
      if (ended) {
        await signalProcess(process, "SIGKILL");
        throw new Fault("CANCELLED", `Process ${pid} was started while the demo ended; it was ended with it.`);
      }
      await change((now) => ({ ...now, processes: [...now.processes, process] }));
    },
    addWorker: (site, worker) => change((now) => ({ ...now, workers: { ...now.workers, [site]: worker } })),
    worker: (site) => run.workers?.[site],
    keep: () => change(({ owner: _, ...kept }) => kept),
    async end() {
      ended = true;
      await last;
      await endRun(folder, run);
    },
  };
};

/** Ends what a demo left or kept. False when there was nothing. Rejects with `INVALID_INPUT` when its owner still works on it. */
export const takeDown = async (name: string, options: { readonly dir?: string } = {}): Promise<boolean> => {
  const folder = path.join(options.dir ?? demoDir, name);
  const run = await readRun(folder);
  if (run === undefined) return false;
  if (run.owner !== undefined && (await isAlive(run.owner))) {
    throw new Fault("INVALID_INPUT", `The demo still plays, as process ${run.owner.pid}: press Ctrl-C there.`);
  }
  await endRun(folder, run);
  return true;
};

const isInUse = async (run: Run): Promise<boolean> => {
  if (run.owner !== undefined) return isAlive(run.owner);
  const alive = await Promise.all(run.processes.map(isAlive));
  return alive.includes(true);
};

/** The last started first: workers before the Temporal they talk to. */
const endRun = async (folder: string, run: Run): Promise<void> => {
  const newestFirst = run.processes.toReversed();
  for (const each of newestFirst) {
    await signalProcess(each, "SIGTERM");
    if (await waitForExit(each, 2000)) continue;
    await signalProcess(each, "SIGKILL");
    await waitForExit(each, 5000);
  }
  await saveLogs(folder);
  await rm(folder, { recursive: true, force: true });
};

/** What the last demo's processes said stays readable: `.cache/demo/<name>-logs`. */
export const logsFolder = (folder: string): string => `${folder}-logs`;

const saveLogs = async (folder: string): Promise<void> => {
  await rm(logsFolder(folder), { recursive: true, force: true });
  await mkdir(logsFolder(folder), { recursive: true });
  const names = await readdir(folder);
  for (const name of names.filter((file) => file.endsWith(".log"))) {
    await rename(path.join(folder, name), path.join(logsFolder(folder), name));
  }
};

const readRun = async (folder: string): Promise<Run | undefined> => {
  try {
    return JSON.parse(await readFile(fileOf(folder), "utf8")) as Run;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
};

const writeRun = async (folder: string, run: Run): Promise<void> => {
  await writeFile(`${fileOf(folder)}.new`, JSON.stringify(run, undefined, 2));
  await rename(`${fileOf(folder)}.new`, fileOf(folder));
};
