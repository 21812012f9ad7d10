import { Connection } from "@temporalio/client";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#domain/fault.ts";
import { ensureTemporal } from "#lab/bootstrap/temporal.ts";
import type { Progress } from "#lab/bootstrap/progress.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { freePort, isFree } from "./free-port.ts";
import { queueRates } from "./queue-rates.ts";

export interface TemporalOptions {
  /** Where its database (unless `dbFile` says otherwise) and its log go. */
  readonly dir: string;
  /** SQLite file; the state of an earlier server is taken up when it exists. */
  readonly dbFile?: string;
  /**
   * A second address to serve, for workers in other network namespaces. The server itself stays on 127.0.0.1: the dev server's parts reach one another there and
   * nowhere else, whatever it is told.
   */
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
  /** Its processes, the server first. */
  readonly pids: readonly number[];
  readonly dbFile: string;
  /** Ends it as a power cut would (SIGKILL); starting again on the same `dbFile` and `port` takes everything acknowledged up again. */
  kill(): Promise<void>;
  /** Leaves it running when this process ends, and makes disposing it do nothing: `--keep`. */
  letGo(): void;
}

/**
 * Starts Temporal's dev server on a SQLite file and answers when it serves its default namespace (0.2–2 s). Write-ahead log with synchronous=FULL: nothing
 * acknowledged is lost when it is killed. Listens on 127.0.0.1, and on `ip` through a relay. Rejects with `PREREQUISITES_FAILED` with the end of its log when it does not
 * come up.
 */
export const startTemporal = async (options: TemporalOptions): Promise<TemporalServer> => {
  const { dir, signal, progress = () => undefined } = options;
  const program = await ensureTemporal({ progress, ...(signal ? { signal } : {}) });
  await mkdir(dir, { recursive: true });
  const ip = options.ip ?? loopback;
  const dbFile = options.dbFile ?? join(dir, "temporal.db");
  const logFile = join(dir, "temporal.log");
  if (options.port !== undefined) await requireFree(options.port);
  const attempts = options.port === undefined ? 3 : 1;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const uiPort = options.uiPort ?? (await freePort());
    const daemons = await launch({ program, ip, port, uiPort, dbFile, logFile });
    const address = `${ip}:${port}`;
    if (await serves({ address, daemons, ...(signal ? { signal } : {}) })) {
      return running({ daemons, address, port, uiPort, dbFile });
    }
    await Promise.all(daemons.map((daemon) => daemon.end("SIGKILL")));
    signal?.throwIfAborted();
    if (attempt >= attempts) {
      const log = await readFile(logFile, "utf8");
      throw new Fault(
        "PREREQUISITES_FAILED",
        `Temporal's server did not come up on ${address} (database ${dbFile}). The end of its log (${logFile}): ${log.trim().split("\n").slice(-3).join(" ")}`,
      );
    }
  }
};

const loopback = "127.0.0.1";

/** Somebody else's Temporal on that port would answer in the place of ours. */
const requireFree = async (port: number): Promise<void> => {
  if (await isFree(loopback, port)) return;
  throw new Fault(
    "PREREQUISITES_FAILED",
    `Temporal's server cannot listen on ${loopback}:${port}: another process does. End it, or leave the port out to take a free one.`,
  );
};

/** The server, and the relay when it is to be reached at another address. */
const launch = async (at: {
  readonly program: string;
  readonly ip: string;
  readonly port: number;
  readonly uiPort: number;
  readonly dbFile: string;
  readonly logFile: string;
}): Promise<readonly Daemon[]> => {
  const server = await startDaemon(
    at.program,
    [
      ...["server", "start-dev", "--ip", loopback, "--ui-ip", loopback],
      ...["--port", String(at.port), "--ui-port", String(at.uiPort), "--db-filename", at.dbFile],
      ...["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=FULL"],
      ...["--log-level", "warn"],
      ...queueRates,
    ],
    at.logFile,
  );
  if (at.ip === loopback) return [server];
  const relay = join(import.meta.dirname, "relay.ts");
  return [server, await startDaemon(process.execPath, [relay, at.ip, String(at.port)], at.logFile)];
};

const serves = async (at: {
  readonly address: string;
  readonly daemons: readonly Daemon[];
  readonly signal?: AbortSignal;
}): Promise<boolean> => {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && at.daemons.every((daemon) => daemon.isRunning()) && !at.signal?.aborted) {
    if (await answers(at.address)) return true;
    await sleep(50);
  }
  return false;
};

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
  readonly daemons: readonly Daemon[];
  readonly address: string;
  readonly port: number;
  readonly uiPort: number;
  readonly dbFile: string;
}): TemporalServer => {
  const { daemons, address, port, uiPort, dbFile } = server;
  let letGo = false;
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    await Promise.all(daemons.map((daemon) => daemon.end(signal)));
  };
  return {
    address,
    uiUrl: `http://${loopback}:${uiPort}`,
    port,
    uiPort,
    pids: daemons.map(({ pid }) => pid),
    dbFile,
    kill: () => end("SIGKILL"),
    letGo() {
      letGo = true;
      for (const daemon of daemons) daemon.letGo();
    },
    async [Symbol.asyncDispose]() {
      if (!letGo) await end("SIGTERM");
    },
  };
};
