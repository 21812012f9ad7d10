import { Fault } from "#domain/fault.ts";
import { siteName, type SiteName } from "#domain/ids.ts";
import { openKept, type RunRecord } from "#lab/demo/run-record.ts";
import { lightRun, reviveLightHost } from "#lab/demo/light/site.ts";
import { demoLabId, realRun } from "#lab/demo/real/lab-id.ts";
import { restartWorker } from "#lab/demo/start-worker.ts";

import type { Lab } from "../hosts/lab.ts";
import { chooseLab, runningLabs } from "./choose-lab.ts";

/** What was brought back; `worker`: how it stands with the site's worker, as a sentence. */
export interface Revived {
  readonly site: string;
  readonly hosts: readonly string[];
  readonly worker: string;
}

interface Request {
  readonly site: string;
  readonly progress: (sentence: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Brings a site back after `crash-site`: its hosts, with the disks and definitions they had, and in a kept demo its worker. What runs is left alone. The id "light" means
 * the kept demo on simulated hosts, which is meant too when no lab is up.
 */
export const revive = async (id: string | undefined, request: Request): Promise<Revived> => {
  const light = await openKept(lightRun);
  const simulated =
    light !== undefined && (id === lightRun || (id === undefined && (await runningLabs()).length === 0));
  return simulated ? reviveLight(light, request) : reviveHosts(await chooseLab(id), request);
};

const reviveHosts = async (lab: Lab, { site: name, progress, signal }: Request): Promise<Revived> => {
  const site = lab.site(name);
  for (const host of site.hosts) {
    progress(`starting the host ${host.name}`);
    await host.start({ signal });
  }
  const record = lab.id === demoLabId ? await openKept(realRun) : undefined;
  return {
    site: site.name,
    hosts: site.hosts.map((host) => host.name),
    worker:
      record === undefined
        ? `This lab has no worker of its own; start one: ${site.execArgv(["env", "TEMPORAL_ADDRESS=ADDRESS", "./bin/understudy", "worker", "--site", site.name, "--pki", "FOLDER"]).join(" ")}`
        : await reviveWorker(record, { site: siteName(site.name), progress, signal }),
  };
};

const reviveLight = async (record: RunRecord, { site, progress, signal }: Request): Promise<Revived> => {
  if (record.worker(site) === undefined) throw new Fault("INVALID_INPUT", `The demo has no site "${site}".`);
  progress(`starting the simulated host of ${site}`);
  const name = siteName(site);
  const host = reviveLightHost(record.folder, name);
  return { site, hosts: [host], worker: await reviveWorker(record, { site: name, progress, signal }) };
};

const reviveWorker = async (
  record: RunRecord,
  {
    site,
    progress,
    signal,
  }: { readonly site: SiteName; readonly progress: Request["progress"]; readonly signal: AbortSignal },
): Promise<string> => {
  progress(`starting the worker of ${site}`);
  return (await restartWorker(record, { site, signal })) ? "Its worker is started." : "Its worker runs already.";
};
