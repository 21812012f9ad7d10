import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Fault } from "#domain/fault.ts";

import { command } from "./command.ts";
import { deleteNetwork, namespaceExists } from "./network.ts";
import { identify, isAlive, type ProcessIdentity, signalProcess, waitForExit } from "./process-identity.ts";
import { releaseSubnet } from "./subnet.ts";
import { isInUse, type LabRecord, listLabs, openRecord, removeRecord } from "./state.ts";
import { defaultLabDir } from "./lab-dir.ts";

/**
 * Removes the lab with that id and everything of it, whether it runs, was cut short or was left by a crash: its processes, found by its hosts' recorded process
 * 1 and by its own network namespaces, then its network, then its files. False when there is no such lab.
 */
export const reapLab = async (id: string, options: { readonly dir?: string } = {}): Promise<boolean> => {
  const record = await openRecord(options.dir ?? defaultLabDir, id);
  if (record === undefined) return false;
  await removeLab(record);
  return true;
};

/** Removes every lab in `dir` that no living process owns. Answers their ids. */
export const reapStale = async (options: { readonly dir?: string } = {}): Promise<readonly string[]> => {
  const dir = options.dir ?? defaultLabDir;
  const reaped: string[] = [];
  for (const id of await listLabs(dir)) {
    const record = await openRecord(dir, id);
    if (record === undefined || (await isInUse(await record.read()))) continue;
    await removeLab(record);
    reaped.push(id);
  }
  return reaped;
};

/** Ends all processes of a lab and removes its network and files. */
export const removeLab = async (record: LabRecord): Promise<void> => {
  const { hosts } = await record.read();
  for (const host of Object.values(hosts)) await signalProcess(host, "SIGKILL");
  const namespaces = [...record.topology.hosts, ...record.topology.sites].map(({ namespace }) => namespace);
  for (const namespace of namespaces) await endProcessesIn(namespace);
  await deleteNetwork(record.topology);
  await releaseSubnet(path.dirname(record.folder), record.topology.id);
  await removeRecord(record);
};

/** Every process whose network is that namespace. */
export const processesIn = async (namespace: string): Promise<readonly ProcessIdentity[]> => {
  if (!namespaceExists(namespace)) return [];
  const { stdout } = await command(["ip", "netns", "pids", namespace]);
  const found = await Promise.allSettled(
    stdout
      .split("\n")
      .filter(Boolean)
      .map((pid) => identify(Number(pid))),
  );
  // one that ended between the listing and the look is no process of ours any more
  return found.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
};

const endProcessesIn = async (namespace: string): Promise<void> => {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const left = await processesIn(namespace);
    if (left.length === 0) return;
    for (const each of left) await signalProcess(each, "SIGKILL");
    await Promise.all(left.map((each) => waitForExit(each, 2_000)));
    const alive = await Promise.all(left.map(isAlive));
    if (alive.includes(true) && performance.now() > deadline) {
      const pids = left.map(({ pid }) => pid).join(", ");
      throw new Fault(
        "COMMAND_TIMED_OUT",
        `Processes ${pids} in the network namespace ${namespace} did not end within 15 s of SIGKILL; see what holds them: cat /proc/${left[0]?.pid}/stack`,
      );
    }
    await sleep(10);
  }
};
