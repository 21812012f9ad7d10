import path from "node:path";
import type { Site } from "#domain/configuration.ts";
import { diskId, machineId, type SiteName } from "#domain/ids.ts";
import { addMachine, bootHost } from "#lab/simulated/machines.ts";
import { openStore } from "#lab/simulated/store.ts";
import { freePort } from "#lab/temporal/free-port.ts";
import { away, demoConfiguration, home, item } from "../configuration.ts";
import { startCrew } from "../crew.ts";
import { nextCommands } from "../next-commands.ts";
import { followObservations } from "../observations.ts";
import { createOracle } from "../oracle.ts";
import { claimRun, type RunRecord, takeDown } from "../run-record.ts";
import type { Stage, StageBuilder } from "../stage.ts";
import { startProcess } from "../start-process.ts";
import { crashLightHost, hostOf, lightRun, storeOf } from "./site.ts";

const machineName = "app1";
const diskBytes = 256 * 1024 * 1024;
const here = import.meta.dirname;

export const takeLightStageDown = (): Promise<boolean> => takeDown(lightRun);

/** Two sites on simulated hosts: files for disks and a scripted writer; the product's own workflows, workers, stream and client. */
export const buildLightStage: StageBuilder = async ({ progress, signal }) => {
  await using undo = new AsyncDisposableStack();
  const record = await claimRun(lightRun, { progress });
  undo.defer(() => record.end());
  const storeAt = (site: SiteName): string => storeOf(record.folder, site);
  progress("two simulated hosts, a machine on one of them with a writer in it");
  makeMachine(storeAt(home), storeAt(away));
  const observations = await playGuests(record, { storeAt, signal });
  const configuration = demoConfiguration({
    machineName,
    sites: { paris: await siteOf(home, storeAt(home)), lyon: await siteOf(away, storeAt(away)) },
    shutdownGraceSeconds: 10,
  });
  const crew = undo.use(
    await startCrew(record, {
      configuration,
      ip: "127.0.0.1",
      workerArgv: (site, certificates) => [process.execPath, path.join(here, "site-worker.ts"), site, certificates],
      progress,
      signal,
    }),
  );
  const all = undo.move();
  return {
    ...crew,
    description:
      "two SIMULATED hosts (files for disks, a scripted writer) with the product's own workflows, workers, stream and client",
    configuration,
    item,
    machineName,
    home,
    away,
    oracle: createOracle(followObservations(observations)),
    async killSite(site) {
      crashLightHost(record.folder, site);
      await crew.killWorker(site);
    },
    nextCommands: nextCommands({ item, home, temporalAddress: crew.temporal.address, lab: lightRun }),
    async keep() {
      await crew.letGo();
      await record.keep();
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  } satisfies Stage;
};

const makeMachine = (homeStore: string, awayStore: string): void => {
  openStore(awayStore)[Symbol.dispose]();
  using store = openStore(homeStore);
  addMachine(store, {
    id: machineId("7d0f5ed0-5eed-4000-8000-000000000001"),
    name: machineName,
    disks: [{ id: diskId("vda"), sizeBytes: diskBytes }],
    guest: { program: "writer", writesPerSecond: 50 },
  });
  bootHost(store);
};

/** Starts the process that plays the guests of both hosts; answers the file in which it notes what they do. */
const playGuests = async (
  record: RunRecord,
  options: { readonly storeAt: (site: SiteName) => string; readonly signal: AbortSignal },
): Promise<string> => {
  const file = path.join(record.folder, "observations.jsonl");
  const hosts = [home, away].map((site) => `${site}=${options.storeAt(site)}`);
  await startProcess(record, {
    name: "guests",
    argv: [process.execPath, path.join(here, "guests.ts"), file, ...hosts],
    logFile: path.join(record.folder, "guests.log"),
    signal: options.signal,
  });
  return file;
};

const siteOf = async (name: SiteName, store: string): Promise<Site> => {
  const host = hostOf(name);
  return {
    name,
    stream: { address: "127.0.0.1", port: await freePort() },
    hosts: {
      [host]: { name: host, kind: "simulated", address: "127.0.0.1", port: 22, user: "nobody", hostKey: "none", store },
    },
  };
};
