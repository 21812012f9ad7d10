import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** A process that cannot be mistaken for a later one with the same number: pid and the kernel's start time (clock ticks since boot). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** Rejects when there is no such process. */
export const identify = async (pid: number): Promise<ProcessIdentity> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // proc(5): the name in parentheses may hold anything, so count from its end: state is field 3, starttime field 22
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  if (state === undefined || startTime === undefined) throw new Error(`/proc/${pid}/stat has an unknown form: ${stat}`);
  if (state === "Z" || state === "X") throw new Error(`Process ${pid} has ended and waits for its parent.`);
  return { pid, startTime };
};

export const isAlive = async (process: ProcessIdentity): Promise<boolean> => {
  try {
    return (await identify(process.pid)).startTime === process.startTime;
  } catch {
    return false; // no such process, or only its exit status is left
  }
};

/** Sends a signal to exactly that process; false when it is gone already. */
export const signalProcess = async (target: ProcessIdentity, signal: NodeJS.Signals): Promise<boolean> => {
  if (!(await isAlive(target))) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
};

/** Waits until it is gone; false when `timeoutMs` pass first. */
export const waitForExit = async (target: ProcessIdentity, timeoutMs: number): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs;
  while (await isAlive(target)) {
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return true;
};
