import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Daemon, startDaemon } from "#lab/temporal/daemon.ts";
import { readyLine } from "#workers/ready-line.ts";

const workers = path.join(import.meta.dirname, "../../../workers");
const readyWithinMs = 120_000;

/** A worker of the product as a process of its own, which can die and be started again. */
export interface WorkerProcess extends AsyncDisposable {
  /** kill -9. */
  kill(): Promise<void>;
  /** Resolves when it takes work. */
  start(): Promise<void>;
}

/** `argv` follows the worker's file; `enter` goes before all of it: the words that run a program in the site's network. */
export const workerProcess = (request: {
  readonly file: "site-main.ts" | "orchestrator-main.ts";
  readonly argv?: readonly string[];
  readonly enter?: (argv: readonly string[]) => readonly string[];
  readonly temporal: string;
  readonly log: string;
}): WorkerProcess => {
  const { file, argv = [], enter = (words) => words, temporal, log } = request;
  const words = enter([
    "/usr/bin/env",
    `TEMPORAL_ADDRESS=${temporal}`,
    "TEMPORAL_NAMESPACE=default",
    process.execPath,
    path.join(workers, file),
    ...argv,
  ]);
  let daemon: Daemon | undefined;
  return {
    async kill() {
      await daemon?.end("SIGKILL");
      daemon = undefined;
    },
    async start() {
      const [program = "", ...args] = words;
      const before = await textOf(log);
      daemon = await startDaemon(program, args, log);
      await ready({ daemon, log, after: before.length });
    },
    async [Symbol.asyncDispose]() {
      await daemon?.end("SIGKILL");
    },
  };
};

const ready = async (of: { readonly daemon: Daemon; readonly log: string; readonly after: number }): Promise<void> => {
  const deadline = Date.now() + readyWithinMs;
  for (;;) {
    const said = (await textOf(of.log)).slice(of.after);
    if (said.includes(readyLine)) return;
    if (!of.daemon.isRunning() || Date.now() > deadline) {
      throw new Error(`The worker did not get ready. The end of its log (${of.log}): ${said.slice(-2_000)}`);
    }
    await sleep(50);
  }
};

const textOf = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
};
