import path from "node:path";
import { connectClient } from "#client/connect.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import type { Configuration } from "#domain/configuration.ts";
import type { SiteName } from "#domain/ids.ts";
import { startTemporal } from "#lab/temporal/start.ts";
import { makeCertificates } from "./certificates.ts";
import type { RunRecord } from "./run-record.ts";
import { startProcess } from "./start-process.ts";
import { startWorker } from "./start-worker.ts";

/** What a stage needs beside its hosts: Temporal, the orchestrator's worker, a worker for each site, and a client. All of them are processes of their own. */
export interface Crew extends AsyncDisposable {
  readonly temporal: { readonly address: string; readonly uiUrl: string };
  readonly client: UnderstudyClient;
  /** Ends a site's worker as a power cut would. */
  killWorker(site: SiteName): Promise<void>;
  /** Leaves the processes running after this one. */
  letGo(): Promise<void>;
}

const orchestratorFile = path.join(import.meta.dirname, "../../workers/orchestrator-main.ts");

/** Starts them, Temporal first, and applies the configuration, which a site's worker reads when it starts. */
export const startCrew = async (
  record: RunRecord,
  options: {
    readonly configuration: Configuration;
    /** The address Temporal listens on. */
    readonly ip: string;
    /** The words that run a site's worker, given the folder with its certificate. */
    readonly workerArgv: (site: SiteName, certificates: string) => readonly string[];
    readonly progress: (sentence: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<Crew> => {
  const { configuration, ip, progress, signal } = options;
  const sites = Object.values(configuration.sites).map(({ name }) => name);
  const temporal = await startTemporal({ dir: record.folder, ip, progress, signal });
  for (const pid of temporal.pids) await record.add(pid);
  progress(`Temporal serves ${temporal.address}; its UI: ${temporal.uiUrl}`);

  const env = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: "default" };
  const [certificates] = await Promise.all([
    makeCertificates(record.folder, sites),
    startProcess(record, {
      name: "orchestrator",
      argv: [process.execPath, orchestratorFile],
      env,
      logFile: path.join(record.folder, "orchestrator.log"),
      signal,
    }),
  ]);
  const client = await connectClient({ address: temporal.address, namespace: "default", identity: "demo" });
  await client.apply(configuration);
  const workers = new Map(
    await Promise.all(
      sites.map(async (site) => {
        const worker = { argv: options.workerArgv(site, certificates(site)), env };
        return [site, await startWorker(record, { site, worker, signal })] as const;
      }),
    ),
  );
  progress(`workers run at ${sites.join(" and ")}`);
  return {
    temporal,
    client,
    killWorker: async (site) => workers.get(site)?.kill(),
    async letGo() {
      await client[Symbol.asyncDispose]();
      temporal.letGo();
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
};
