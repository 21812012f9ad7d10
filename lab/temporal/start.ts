import { Connection } from "@temporalio/client";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import { ensureTemporal } from "#lab/bootstrap/temporal.ts";
import type { Progress } from "#lab/bootstrap/progress.ts";
import { freePort, isFree } from "./free-port.ts";
import { queueRates } from "./queue-rates.ts";

export interface TemporalOptions {
  /** Where its database (unless `dbFile` says otherwise) and its log go. */
  readonly dir: string;
  /** SQLite file; the state of an earlier server is taken up when it exists. */
  readonly dbFile?: string;
  /** The address to listen on, for workers in other network namespaces too. */
  readonly ip?: string;
  /** Absent: a free one. */
  readonly port?: number;
  readonly uiPort?: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

export interface TemporalServer extends AsyncDisposable {
  /** What `TEMPORAL_ADDRESS` wants: `127.0.0.1:40123`. */
  readonly address: string;
  readonly uiUrl: string;
  readonly port: number;
  readonly uiPort: number;
  readonly pid: number;
  readonly dbFile: string;
  /** Ends it as a power cut would (SIGKILL); starting again on the same `dbFile` and `port` takes everything acknowledged up again. */
  kill(): Promise<void>;
  /** Leaves it running when this process ends, and makes disposing it do nothing: `--keep`. */
  letGo(): void;
}

/**
 * Starts Temporal's dev server on a SQLite file and answers when it serves its default namespace (0.2–2 s). Write-ahead log with synchronous=FULL: nothing
 * acknowledged is lost when it is killed. Listens on `ip` only. Rejects with `PREREQUISITES_FAILED` with the end of its log when it does not come up.
 */
export const startTemporal = async (options: TemporalOptions): Promise<TemporalServer> => {
  const progress = options.progress ?? (() => undefined);
  const program = await ensureTemporal({ progress, ...(options.signal ? { signal: options.signal } : {}) });
  await mkdir(options.dir, { recursive: true });
  const ip = options.ip ?? "127.0.0.1";
  const dbFile = options.dbFile ?? join(options.dir, "temporal.db");
  const logFile = join(options.dir, "temporal.log");
  if (options.port !== undefined) await requireFree(ip, options.port);
  const attempts = options.port === undefined ? 3 : 1;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort(ip));
    const uiPort = options.uiPort ?? (await freePort(ip));
    const child = launch({ program, ip, port, uiPort, dbFile, logFile });
    if (await serves({ address: `${ip}:${port}`, child, ...(options.signal ? { signal: options.signal } : {}) })) {
      return running({ child, ip, port, uiPort, dbFile });
    }
    child.kill("SIGKILL");
    options.signal?.throwIfAborted();
    if (attempt >= attempts) {
      const log = await readFile(logFile, "utf8");
      throw new Fault(
        "PREREQUISITES_FAILED",
        `Temporal's server did not come up on ${ip}:${port} (database ${dbFile}). The end of its log (${logFile}): ${log.trim().split("\n").slice(-3).join(" ")}`,
      );
    }
  }
};

/** Somebody else's Temporal on that port would answer in the place of ours. */
const requireFree = async (ip: string, port: number): Promise<void> => {
  if (await isFree(ip, port)) return;
  throw new Fault(
    "PREREQUISITES_FAILED",
    `Temporal's server cannot listen on ${ip}:${port}: another process does. End it, or leave the port out to take a free one.`,
  );
};

const launch = (at: {
  readonly program: string;
  readonly ip: string;
  readonly port: number;
  readonly uiPort: number;
  readonly dbFile: string;
  readonly logFile: string;
}): ChildProcess => {
  const log = openSync(at.logFile, "a");
  const child = spawn(
    at.program,
    [
      ...["server", "start-dev", "--ip", at.ip, "--ui-ip", at.ip],
      ...["--port", String(at.port), "--ui-port", String(at.uiPort), "--db-filename", at.dbFile],
      ...["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=FULL"],
      ...["--log-level", "warn"],
      ...queueRates,
    ],
    // Detached, so that Ctrl-C at the terminal reaches this process alone, which then stops the server last.
    { stdio: ["ignore", log, log], detached: true },
  );
  closeSync(log);
  return child;
};

const serves = async (at: {
  readonly address: string;
  readonly child: ChildProcess;
  readonly signal?: AbortSignal;
}): Promise<boolean> => {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && isRunning(at.child) && !at.signal?.aborted) {
    if (await answers(at.address)) return true;
    await sleep(50);
  }
  return false;
};

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

/** True once the default namespace can be described; any failure before that means "not yet". */
const answers = async (address: string): Promise<boolean> => {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1000 });
    try {
      await connection.workflowService.describeNamespace({ namespace: "default" });
      return true;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
};

const running = (server: {
  readonly child: ChildProcess;
  readonly ip: string;
  readonly port: number;
  readonly uiPort: number;
  readonly dbFile: string;
}): TemporalServer => {
  const { child, ip, port, uiPort, dbFile } = server;
  if (child.pid === undefined) throw new Fault("INTERNAL", "Temporal's server runs without a process id.");
  let letGo = false;
  const endWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    if (!isRunning(child)) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  return {
    address: `${ip}:${port}`,
    uiUrl: `http://${ip}:${uiPort}`,
    port,
    uiPort,
    pid: child.pid,
    dbFile,
    kill: () => end("SIGKILL"),
    letGo() {
      letGo = true;
      process.off("exit", endWithUs);
      child.unref();
    },
    async [Symbol.asyncDispose]() {
      if (!letGo) await end("SIGTERM");
    },
  };
};
