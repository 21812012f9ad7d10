import { createHash } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import type { Configuration, Site } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { hostName, itemName, siteName, type SiteName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import type { JobInput, JobView } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import { defaultPolicy, type ReplicationPolicy } from "#domain/policy.ts";
import { ensurePackages } from "#lab/bootstrap/packages.ts";
import { ensureTemporal } from "#lab/bootstrap/temporal.ts";
import { startCrew } from "#lab/demo/crew.ts";
import { claimRun, type RunRecord } from "#lab/demo/run-record.ts";
import { startProcess } from "#lab/demo/start-process.ts";
import { buildGuest } from "#lab/guest/build.ts";
import { guestOn, type LabGuest } from "#lab/guest/guest.ts";
import { createMachine, type MachineRequest } from "#lab/guest/machine.ts";
import { cacheDir } from "#lab/hosts/lab-dir.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { type Lab, startLab } from "#lab/hosts/lab.ts";
import { type MachineObserver, observeMachine } from "#lab/oracle/observe.ts";
import { labPackages } from "#lab/packages.ts";

export const [paris, lyon] = [siteName("paris"), siteName("lyon")] as const;
export const machine = "app1";
const item = itemName(machine);
const workerFile = path.join(import.meta.dirname, "../../workers/site-main.ts");

/** The whole product on two hosts of the lab, and a machine that writes at Paris. Disposing of it leaves nothing. */
export interface BenchStage extends AsyncDisposable {
  readonly lab: Lab;
  readonly client: UnderstudyClient;
  readonly observer: MachineObserver;
  host(site: SiteName): LabHost;
  /** The machine as it runs, or may run, at that site. */
  guest(site: SiteName): LabGuest;
  /** Runs an operation to its end; rejects with its fault when it has not succeeded. */
  run(operation: OperationName, input?: Omit<JobInput, "item">): Promise<{ view: JobView; orderedAt: number }>;
  item(): Promise<ItemView>;
  /** The item, once it is so. Rejects saying what it is instead. */
  until(what: string, holds: (item: ItemView) => boolean, withinSeconds?: number): Promise<ItemView>;
  /** After `lab.site(…).crash()`: its host and its worker are back. */
  restart(site: SiteName): Promise<void>;
}

/** Starts it, and takes away what there is of it when that fails. What a bench that was killed left is removed first. */
export const buildStage = async (options: {
  readonly name: "rpo" | "rto";
  readonly policy: Partial<ReplicationPolicy>;
  readonly machine: Pick<MachineRequest, "disks" | "settings" | "memoryMib">;
  readonly say: (sentence: string) => void;
  readonly signal: AbortSignal;
}): Promise<BenchStage> => {
  const { say, signal } = options;
  if (process.getuid?.() !== 0)
    throw new Fault("PREREQUISITES_FAILED", "Two real hosts take root (network namespaces, QEMU): use sudo.");
  await ensurePackages(labPackages, { progress: say, signal });
  await ensureTemporal({ progress: say, signal });
  const parts = await buildGuest({ progress: say, signal });

  await using undo = new AsyncDisposableStack();
  const record = await claimRun(options.name, { dir: path.join(cacheDir, "bench"), progress: say });
  undo.defer(() => record.end());
  const lab = undo.use(await startLab({ id: labId(options.name), progress: say, signal }));
  const observer = undo.use(await observeMachine({ hosts: lab.hosts, machine }));
  const address = lab.address.replace(/\.1$/, ".101");
  const host = (site: SiteName): LabHost => lab.host(`${site}1`);
  const guest = (site: SiteName): LabGuest => guestOn({ host: host(site), name: machine, address });

  const made = createMachine({
    ...options.machine,
    host: host(paris),
    name: machine,
    addresses: [address],
    parts,
    signal,
  });
  const [crew] = await Promise.all([
    startCrew(record, {
      configuration: configurationOf(lab, options.policy),
      ip: lab.address,
      workerArgv: (site, certificates) => workerArgv(lab, site, certificates),
      progress: say,
      signal,
    }),
    made.then((machineMade) => machineMade.start({ signal })),
  ]);
  undo.use(crew);
  const { client } = crew;
  const all = undo.move();
  let restarts = 0;
  return {
    lab,
    client,
    observer,
    host,
    guest,
    async run(operation, input = {}) {
      const orderedAt = Date.now();
      const id = await client.start(operation, { item, requestedBy: "bench", ...input });
      let last: JobView | undefined;
      for await (const view of client.watch(id, signal)) last = view;
      signal.throwIfAborted();
      const view = last ?? (await client.job(id));
      if (view.state === "Succeeded" || view.state === "CompletedWithInformation") return { view, orderedAt };
      throw new Fault(
        view.fault?.code ?? "INTERNAL",
        `The job ${id} ended as ${view.state}: ${view.fault?.message ?? "it gave no reason"}`,
      );
    },
    item: () => client.item(item),
    async until(what, holds, withinSeconds = 180) {
      const deadline = Date.now() + withinSeconds * 1000;
      for (;;) {
        const view = await client.item(item);
        if (holds(view)) return view;
        if (Date.now() > deadline)
          throw new Fault("INTERNAL", `Not within ${withinSeconds} s: ${what}. ${JSON.stringify(view)}`);
        await sleep(100, undefined, { signal });
      }
    },
    async restart(site) {
      await host(site).start({ signal });
      restarts += 1;
      await startWorker({ record, lab, site, temporal: crew.temporal.address, number: restarts, signal });
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
};

/** Namespaces and bridges are the whole machine's: benches of two clones must not meet. */
const labId = (name: string): string =>
  `${name.at(1)}${createHash("sha256")
    .update(`${import.meta.dirname}${name}`)
    .digest("hex")
    .slice(0, 5)}`;

const workerArgv = (lab: Lab, site: SiteName, certificates: string): readonly string[] =>
  lab.site(site).execArgv([process.execPath, workerFile, "--site", site, "--pki", certificates]);

const startWorker = async (of: {
  readonly record: RunRecord;
  readonly lab: Lab;
  readonly site: SiteName;
  readonly temporal: string;
  readonly number: number;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { record, lab, site, temporal, number, signal } = of;
  const name = `worker-${site}-${number}`;
  await startProcess(record, {
    name,
    argv: workerArgv(lab, site, path.join(record.folder, "pki", "sites", site)),
    env: { TEMPORAL_ADDRESS: temporal, TEMPORAL_NAMESPACE: "default" },
    logFile: path.join(record.folder, `${name}.log`),
    signal,
  });
};

const configurationOf = (lab: Lab, policy: Partial<ReplicationPolicy>): Configuration => ({
  sites: { [paris]: siteOf(lab, paris), [lyon]: siteOf(lab, lyon) },
  policies: { bench: { ...defaultPolicy, ...policy, name: "bench" } },
  networkMappings: [],
  items: {
    [item]: {
      name: item,
      machine,
      primary: { site: paris, host: hostName("paris1") },
      secondary: { site: lyon, host: hostName("lyon1") },
      policy: "bench",
      excludeDisks: [],
      shutdownGraceSeconds: 90,
    },
  },
});

const siteOf = (lab: Lab, called: SiteName): Site => {
  const { name, address, port, user, hostKey, identityFile, store } = lab.host(`${called}1`);
  const host = { name: hostName(name), kind: "libvirt", address, port, user, hostKey, identityFile, store } as const;
  return { name: called, stream: { address: lab.site(called).address, port: 9443 }, hosts: { [host.name]: host } };
};
