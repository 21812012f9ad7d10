import path from "node:path";
import { connectClient } from "#client/connect.ts";
import { diskId, hostName, machineId, type SiteName } from "#domain/ids.ts";
import type { Ask } from "#lab/bootstrap/ask.ts";
import { addMachine, bootHost, crashHost } from "#lab/simulated/machines.ts";
import { openStore } from "#lab/simulated/store.ts";
import { freePort } from "#lab/temporal/free-port.ts";
import { startTemporal } from "#lab/temporal/start.ts";
import { makeCertificates } from "../certificates.ts";
import { away, demoConfiguration, home, item } from "../configuration.ts";
import type { Narrator } from "../narrator.ts";
import { followObservations } from "../observations.ts";
import { createOracle } from "../oracle.ts";
import { claimRun, takeDown } from "../run-record.ts";
import type { Stage } from "../stage.ts";
import { startProcess } from "../start-process.ts";

const runName = "light";
const machineName = "app1";
const diskBytes = 256 * 1024 * 1024;
const here = import.meta.dirname;

/** Two sites on simulated hosts: files for disks and a scripted writer, the product's own workflows, workers, stream and client. */
export const buildStage = async (options: {
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
  readonly ask?: Ask;
}): Promise<Stage> => {
  const { narrator, signal } = options;
  const say = (sentence: string): void => narrator.say(sentence);
  const record = await claimRun(runName, { progress: say });
  try {
    return await buildOn(record, { say, signal });
  } catch (error) {
    await record.end();
    throw error;
  }
};

export const takeStageDown = (): Promise<boolean> => takeDown(runName);

const buildOn = async (
  record: Awaited<ReturnType<typeof claimRun>>,
  { say, signal }: { readonly say: (sentence: string) => void; readonly signal: AbortSignal },
): Promise<Stage> => {
  const folder = record.folder;
  const at = (...below: readonly string[]): string => path.join(folder, ...below);
  const log = (name: string): string => at(`${name}.log`);
  say("Temporal's server, two simulated hosts with a writing machine, three workers …");

  const temporal = await startTemporal({ dir: folder, progress: say, signal });
  await record.add(temporal.pid);
  const environment = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: "default" };

  const storeOf = (site: SiteName): string => at("hosts", site);
  for (const site of [home, away]) openStore(storeOf(site))[Symbol.dispose]();
  {
    using store = openStore(storeOf(home));
    addMachine(store, {
      id: machineId("7d0f5ed0-0000-4000-8000-000000000001"),
      name: machineName,
      disks: [{ id: diskId("vda"), sizeBytes: diskBytes }],
      guest: { program: "writer", writesPerSecond: 50 },
    });
    bootHost(store);
  }
  const observations = at("observations.jsonl");
  const start = (name: string, file: string, args: readonly string[]) =>
    startProcess(record, {
      name,
      argv: [process.execPath, file, ...args],
      env: environment,
      logFile: log(name),
      signal,
    });
  const guests = start("guests", path.join(here, "guests.ts"), [
    observations,
    ...[home, away].map((site) => `${site}=${storeOf(site)}`),
  ]);

  const certificates = await makeCertificates(folder, [home, away]);
  const sites = { paris: await siteOf(home, storeOf(home)), lyon: await siteOf(away, storeOf(away)) };
  const configuration = demoConfiguration({ machineName, sites, shutdownGraceSeconds: 10 });
  const worker = (site: SiteName) =>
    start(`worker-${site}`, path.join(here, "site-worker.ts"), [site, certificates(site)]);
  const [, , homeWorker] = await Promise.all([
    guests,
    start("orchestrator", path.join(here, "../orchestrator.ts"), []),
    worker(home),
    worker(away),
  ]);
  const client = await connectClient({ address: temporal.address, identity: "demo" });

  let kept = false;
  return {
    description:
      "two SIMULATED hosts: files for disks and a scripted writer, on the product's own workflows, workers and stream",
    temporal,
    configuration,
    item,
    machineName,
    home,
    away,
    client,
    oracle: createOracle(followObservations(observations)),
    async killSite() {
      using store = openStore(storeOf(home));
      crashHost(store);
      await homeWorker.kill();
    },
    nextCommands: nextCommands(temporal.address),
    async keep() {
      kept = true;
      await client[Symbol.asyncDispose]();
      await record.keep();
      temporal.letGo();
    },
    async [Symbol.asyncDispose]() {
      if (kept) return;
      await client[Symbol.asyncDispose]();
      await record.end();
    },
  };
};

const siteOf = async (name: SiteName, store: string) => {
  const host = hostName(`${name}1`);
  return {
    name,
    stream: { address: "127.0.0.1", port: await freePort() },
    hosts: {
      [host]: {
        name: host,
        kind: "simulated",
        address: "127.0.0.1",
        port: 22,
        user: "nobody",
        hostKey: "ssh-ed25519 none",
        store,
      },
    },
  };
};

const nextCommands = (address: string): readonly string[] => [
  `export TEMPORAL_ADDRESS=${address}`,
  "./bin/understudy status",
  "./bin/understudy jobs",
  `./bin/understudy points ${item}`,
  "npm run demo -- --light --down      # ends it",
];
