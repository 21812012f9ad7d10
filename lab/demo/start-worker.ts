import path from "node:path";
import { Fault } from "#domain/fault.ts";
import type { SiteName } from "#domain/ids.ts";
import { identify, isAlive } from "#lab/hosts/process-identity.ts";
import type { RunRecord, WorkerStart } from "./run-record.ts";
import { type StartedProcess, startProcess } from "./start-process.ts";

/** Starts a site's worker, and notes how, so that a kept demo's can be started again. */
export const startWorker = async (
  record: RunRecord,
  request: { readonly site: SiteName; readonly worker: WorkerStart; readonly signal: AbortSignal },
): Promise<StartedProcess> => {
  const { site, signal } = request;
  const { argv, env } = request.worker;
  const name = `worker-${site}`;
  const started = await startProcess(record, {
    name,
    argv,
    env,
    logFile: path.join(record.folder, `${name}.log`),
    signal,
  });
  await record.addWorker(site, { argv, env, process: await identify(started.pid) });
  return started;
};

/** Starts the worker of a kept demo's site again. False when it runs. Rejects with `INVALID_INPUT` when the demo has not noted how. */
export const restartWorker = async (
  record: RunRecord,
  { site, signal }: { readonly site: SiteName; readonly signal: AbortSignal },
): Promise<boolean> => {
  const worker = record.worker(site);
  if (worker === undefined) throw notNoted(site);
  if (worker.process !== undefined && (await isAlive(worker.process))) return false;
  await startWorker(record, { site, worker, signal });
  return true;
};

const notNoted = (site: SiteName): Fault =>
  new Fault(
    "INVALID_INPUT",
    `The demo has not noted how the worker of ${site} is started: it was kept by an older version. End it and begin anew: npm run demo -- --down, then npm run demo -- --keep.`,
  );
