import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import { readyLine } from "#workers/ready-line.ts";
import type { RunRecord } from "./run-record.ts";

export interface StartedProcess {
  readonly pid: number;
  /** As a power cut would. */
  kill(): Promise<void>;
}

/**
 * Starts a process of the demo, noted in its record before anything else happens, and waits for its ready line. It outlives this process (`--keep`), so Ctrl-C
 * does not reach it: the record ends it. Rejects with `INTERNAL` and the end of its log when it ends or takes longer than 60 s.
 */
export const startProcess = async (
  record: RunRecord,
  request: {
    readonly name: string;
    readonly argv: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly logFile: string;
    readonly signal: AbortSignal;
  },
): Promise<StartedProcess> => {
  const [program = "", ...args] = request.argv;
  const log = openSync(request.logFile, "a");
  const said = fstatSync(log).size;
  const child = spawn(program, args, {
    stdio: ["ignore", log, log],
    detached: true,
    env: { ...process.env, ...request.env },
  });
  closeSync(log);
  child.unref();
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Fault("INTERNAL", `The ${request.name} was started without a process id.`);
  await record.add(pid);
  await ready(child, { ...request, said });
  return {
    pid,
    async kill() {
      if (!runs(child)) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
};

const runs = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

const ready = async (
  child: ChildProcess,
  request: {
    readonly name: string;
    readonly logFile: string;
    /** So much of the log is of earlier processes. */
    readonly said: number;
    readonly signal: AbortSignal;
  },
): Promise<void> => {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const log = (await readFile(request.logFile)).subarray(request.said).toString("utf8");
    if (log.includes(readyLine)) return;
    if (!runs(child) || Date.now() > deadline) {
      const what = runs(child) ? "did not get ready within 60 s" : `ended (${child.exitCode ?? child.signalCode})`;
      throw new Fault(
        "INTERNAL",
        `The ${request.name} ${what}. The end of its log (${request.logFile}): ${log.trim().split("\n").slice(-5).join(" ")}`,
      );
    }
    await sleep(50, undefined, { signal: request.signal });
  }
};
