import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { siteName } from "#domain/ids.ts";
import { claimRun, openKept, takeDown } from "#lab/demo/run-record.ts";
import { restartWorker } from "#lab/demo/start-worker.ts";

let dir: string;
let children: ChildProcess[] = [];
const silent = (): void => undefined;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "run-record-"));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children = [];
  await rm(dir, { recursive: true, force: true });
});

const sleeper = async (script = "sleep 60"): Promise<ChildProcess> => {
  const child = spawn("sh", ["-c", `${script} & wait`], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  return child;
};
const pidOf = (child: ChildProcess): number => {
  if (child.pid === undefined) throw new Error("not spawned");
  return child.pid;
};
/** As if the demo's own process had died without a word. */
const forgetOwner = async (): Promise<void> => {
  const file = path.join(dir, "test/run.json");
  const run = JSON.parse(await readFile(file, "utf8")) as { owner: { pid: number; startTime: string } };
  await writeFile(file, JSON.stringify({ ...run, owner: { ...run.owner, startTime: "1" } }));
};

test("ends what it noted and removes its folder", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  const child = await sleeper();
  await record.add(pidOf(child));
  const ended = once(child, "exit");
  await record.end();
  expect(await ended).toEqual([null, "SIGTERM"]);
  expect(existsSync(record.folder)).toBe(false);
});

test("what a crashed demo left is ended before the next begins, and that is said", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  const child = await sleeper();
  await record.add(pidOf(child));
  await forgetOwner();
  const ended = once(child, "exit");
  const said: string[] = [];
  await claimRun("test", { dir, progress: (sentence) => said.push(sentence) });
  expect(await ended).toEqual([null, "SIGTERM"]);
  expect(said).toEqual(["An earlier demo did not end properly; removing what it left."]);
});

test("never ends a later process that got the same number", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  const child = await sleeper();
  await record.add(pidOf(child));
  const file = path.join(dir, "test/run.json");
  const run = JSON.parse(await readFile(file, "utf8")) as { processes: { pid: number; startTime: string }[] };
  await writeFile(
    file,
    JSON.stringify({ ...run, owner: undefined, processes: run.processes.map((one) => ({ ...one, startTime: "1" })) }),
  );
  expect(await takeDown("test", { dir })).toBe(true);
  expect(child.exitCode).toBeNull();
  expect(child.signalCode).toBeNull();
});

test("a second demo is refused while one plays", async () => {
  await claimRun("test", { dir, progress: silent });
  await expect(claimRun("test", { dir, progress: silent })).rejects.toThrow(`as process ${process.pid}`);
  await expect(takeDown("test", { dir })).rejects.toThrow("press Ctrl-C there");
});

test("a kept demo is refused to the next and ended by --down", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  const child = await sleeper();
  await record.add(pidOf(child));
  await record.keep();
  await expect(claimRun("test", { dir, progress: silent })).rejects.toThrow("npm run demo -- --down");
  const ended = once(child, "exit");
  expect(await takeDown("test", { dir })).toBe(true);
  await ended;
  expect(await takeDown("test", { dir })).toBe(false);
});

test("a process that ignores a polite end is killed", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  const child = spawn(
    process.execPath,
    ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')"],
    {
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  children.push(child);
  await once(child.stdout, "data");
  await record.add(pidOf(child));
  const ended = once(child, "exit");
  await record.end();
  expect(await ended).toEqual([null, "SIGKILL"]);
});

test("several processes noted at once are all ended", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  const all = await Promise.all([sleeper(), sleeper(), sleeper()]);
  await Promise.all(all.map((child) => record.add(pidOf(child))));
  const exits = Promise.all(all.map((child) => once(child, "exit")));
  await record.end();
  expect(await exits).toHaveLength(3);
});

test("a process that comes too late is ended at once", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  await record.end();
  const child = await sleeper();
  const ended = once(child, "exit");
  await expect(record.add(pidOf(child))).rejects.toThrow("was started while the demo ended");
  expect(await ended).toEqual([null, "SIGKILL"]);
});

test("a kept demo can be worked on by another process, which notes its processes there too", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  const worker = await sleeper();
  await record.add(pidOf(worker));
  await record.addWorker("paris", { argv: ["worker"], env: { TEMPORAL_ADDRESS: "here" } });
  expect(await openKept("test", { dir })).toBeUndefined();
  await record.keep();
  const kept = await openKept("test", { dir });
  expect(kept?.worker("paris")).toEqual({ argv: ["worker"], env: { TEMPORAL_ADDRESS: "here" } });
  const later = await sleeper();
  await kept?.add(pidOf(later));
  const exits = Promise.all([worker, later].map((child) => once(child, "exit")));
  expect(await takeDown("test", { dir })).toBe(true);
  await exits;
  expect(await openKept("test", { dir })).toBeUndefined();
});

test("a demo that was kept before workers were noted knows of none, and says so instead of that they run", async () => {
  const record = await claimRun("test", { dir, progress: silent });
  await record.add(pidOf(await sleeper()));
  await record.keep();
  const file = path.join(dir, "test/run.json");
  const { workers: _, ...older } = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify(older));
  const kept = await openKept("test", { dir });
  if (kept === undefined) throw new Error("not kept");
  expect(kept.worker("paris")).toBeUndefined();
  const { signal } = new AbortController();
  await expect(restartWorker(kept, { site: siteName("paris"), signal })).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: expect.stringContaining("has not noted how the worker of paris is started") as string,
  });
});
