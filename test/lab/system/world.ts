import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectClient } from "#client/connect.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import type { Configuration, ItemConfiguration, Site } from "#domain/configuration.ts";
import { hostName, itemName, type SiteName, siteName } from "#domain/ids.ts";
import type { ItemView } from "#domain/item-view.ts";
import type { JobInput, JobView } from "#domain/job.ts";
import type { OperationName } from "#domain/operations.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import { readSiteIdentity } from "#config/pki/site-identity.ts";
import { makeCertificates } from "#lab/demo/certificates.ts";
import { type LabGuest, guestOn } from "#lab/guest/guest.ts";
import { createMachine, type MachineRequest } from "#lab/guest/machine.ts";
import type { LabHost } from "#lab/hosts/host.ts";
import { type Lab, startLab } from "#lab/hosts/lab.ts";
import { startTemporal, type TemporalServer } from "#lab/temporal/start.ts";
import type { SiteTls } from "#transfer/session.ts";
import { type WorkerProcess, workerProcess } from "./worker-process.ts";

export const [paris, lyon] = [siteName("paris"), siteName("lyon")] as const;
export const mebibyte = 1024 * 1024;
/** The machine's and the item's name. */
export const name = "app1";
const item = itemName(name);

/** Deltas every second, and a kept point every few. */
export const quickPolicy: ReplicationPolicy = {
  name: "quick",
  intervalSeconds: 1,
  crashConsistentEverySeconds: 4,
  appConsistentEverySeconds: 0,
  retentionSeconds: 3_600,
  rpoThresholdSeconds: 3_600,
  bandwidthWindows: [],
  timeZone: "UTC",
  scratchPercent: 30,
  compression: "off",
};

/** A small machine with 32 MiB of random bytes that are overwritten at a gentle rate. */
const smallMachine = {
  boot: "kernel",
  disks: [{ sizeBytes: 256 * mebibyte, blobBytes: 32 * mebibyte }],
  settings: { intervalMs: 20, rateKibPerSecond: 512, blockKib: 64 },
} as const satisfies Partial<MachineRequest>;

export interface WorldOptions {
  /** Of the lab: up to six letters and digits, no other test's. */
  readonly id: string;
  readonly policy?: Partial<ReplicationPolicy>;
  readonly machine?: Partial<Pick<MachineRequest, "boot" | "disks" | "settings">>;
  readonly item?: Partial<Pick<ItemConfiguration, "excludeDisks" | "shutdownGraceSeconds" | "autostart">>;
}

/**
 * The whole product on two real hosts: Temporal's dev server, the orchestrator's worker and one for each site in processes of their own, a client, and a machine
 * with a writer in it that runs at Paris. Disposing of it leaves nothing.
 */
export interface World extends AsyncDisposable {
  readonly lab: Lab;
  /** Everything but the hosts' own: certificates, Temporal's database, logs. */
  readonly folder: string;
  readonly temporalAddress: string;
  readonly client: UnderstudyClient;
  readonly workers: Readonly<Record<"paris" | "lyon" | "orchestrator", WorkerProcess>>;
  /** The site's own certificate. */
  tls(site: SiteName): Promise<SiteTls>;
  /** Temporal dies as in a power cut, and is started again on the same database and address. */
  killTemporal(): Promise<void>;
  startTemporal(): Promise<void>;
  host(site: SiteName): LabHost;
  /** The machine as it runs, or may run, at that site. */
  guest(site: SiteName): LabGuest;
  /** Applies the configuration with that policy changed. */
  changePolicy(change: Partial<ReplicationPolicy>): Promise<void>;
  start(operation: OperationName, input?: Omit<JobInput, "item">): Promise<string>;
  /** Runs an operation to its end, and rejects with its fault when it has not succeeded. */
  run(operation: OperationName, input?: Omit<JobInput, "item">): Promise<JobView>;
  ended(job: string): Promise<JobView>;
  item(): Promise<ItemView>;
  /** The item, once `holds` holds of it. Rejects saying what it is instead. */
  until(what: string, holds: (item: ItemView) => boolean, withinSeconds?: number): Promise<ItemView>;
  /** The item once it is protected and has sealed an instant that lies after now. */
  fresh(withinSeconds?: number): Promise<ItemView>;
}

/** Starts it, and takes away what there is of it when that fails. */
export const startWorld = async (options: WorldOptions): Promise<World> => {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), `understudy-${options.id}-`));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const lab = undo.use(await startLab({ id: options.id }));
  const hosts = { [paris]: lab.host("paris1"), [lyon]: lab.host("lyon1") };
  const host = (site: SiteName): LabHost => hosts[site] ?? lab.host(site);
  const address = lab.address.replace(/\.1$/, ".101");

  let temporal: TemporalServer = await startTemporal({ dir: folder, ip: lab.address });
  undo.defer(() => temporal[Symbol.asyncDispose]());
  const { port, uiPort } = temporal;
  const certificates = await makeCertificates(folder, [paris, lyon]);
  const workers = workersOf({ lab, folder, certificates, temporal: temporal.address });
  for (const worker of Object.values(workers)) undo.use(worker);
  const client = undo.use(
    await connectClient({ address: temporal.address, namespace: "default", identity: `test ${options.id}` }),
  );
  let configuration = configurationOf(lab, options);
  const makeMachine = createMachine({
    ...smallMachine,
    ...options.machine,
    host: host(paris),
    name,
    addresses: [address],
  });
  await workers.orchestrator.start();
  await client.apply(configuration);
  const [made] = await Promise.all([makeMachine, workers.paris.start(), workers.lyon.start()]);
  await made.start();

  const read = () => client.item(item);
  const world: Omit<World, typeof Symbol.asyncDispose> = {
    lab,
    folder,
    temporalAddress: temporal.address,
    client,
    workers,
    tls: (site) => readSiteIdentity(certificates(site), site),
    killTemporal: () => temporal.kill(),
    async startTemporal() {
      temporal = await startTemporal({ dir: folder, ip: lab.address, port, uiPort });
    },
    host,
    guest: (site) => guestOn({ host: host(site), name, address }),
    async changePolicy(change) {
      configuration = withPolicy(configuration, change);
      await client.apply(configuration);
    },
    start: (operation, input = {}) => client.start(operation, { item, requestedBy: "test", ...input }),
    async run(operation, input) {
      const view = await world.ended(await world.start(operation, input));
      if (view.state === "Succeeded" || view.state === "CompletedWithInformation") return view;
      throw new Error(`${view.id} ended as ${view.state}: ${JSON.stringify(view.fault)} ${JSON.stringify(view.tasks)}`);
    },
    async ended(job) {
      let last: JobView | undefined;
      for await (const view of client.watch(job, AbortSignal.timeout(240_000))) last = view;
      if (last === undefined) throw new Error(`job ${job} said nothing`);
      return last;
    },
    item: read,
    async until(what, holds, withinSeconds = 120) {
      const deadline = Date.now() + withinSeconds * 1_000;
      for (;;) {
        const view = await read();
        if (holds(view)) return view;
        if (Date.now() > deadline) throw new Error(`Not within ${withinSeconds} s: ${what}. ${JSON.stringify(view)}`);
        await sleep(100);
      }
    },
    fresh(withinSeconds) {
      const since = new Date().toISOString();
      const holds = ({ state, lastSealed }: ItemView) => state === "protected" && (lastSealed?.takenAt ?? "") > since;
      return world.until(`protected, with a point taken after ${since}`, holds, withinSeconds);
    },
  };
  const all = undo.move();
  return { ...world, [Symbol.asyncDispose]: () => all.disposeAsync() };
};

const workersOf = (of: {
  readonly lab: Lab;
  readonly folder: string;
  readonly certificates: (site: SiteName) => string;
  readonly temporal: string;
}): World["workers"] => {
  const { lab, folder, certificates, temporal } = of;
  const site = (called: SiteName) =>
    workerProcess({
      file: "site-main.ts",
      argv: ["--site", called, "--pki", certificates(called)],
      enter: (argv) => lab.site(called).execArgv(argv),
      temporal,
      log: path.join(folder, `${called}.log`),
    });
  const orchestrator = workerProcess({
    file: "orchestrator-main.ts",
    temporal,
    log: path.join(folder, "orchestrator.log"),
  });
  return { paris: site(paris), lyon: site(lyon), orchestrator };
};

const configurationOf = (lab: Lab, options: WorldOptions): Configuration => ({
  sites: { [paris]: siteOf(lab, paris), [lyon]: siteOf(lab, lyon) },
  policies: { [quickPolicy.name]: { ...quickPolicy, ...options.policy } },
  networkMappings: [],
  items: {
    [item]: {
      name: item,
      machine: name,
      primary: { site: paris, host: hostName("paris1") },
      secondary: { site: lyon, host: hostName("lyon1") },
      policy: quickPolicy.name,
      excludeDisks: [],
      shutdownGraceSeconds: 90,
      ...options.item,
    },
  },
});

const withPolicy = (configuration: Configuration, change: Partial<ReplicationPolicy>): Configuration => {
  const before = configuration.policies[quickPolicy.name] ?? quickPolicy;
  return { ...configuration, policies: { [quickPolicy.name]: { ...before, ...change } } };
};

const siteOf = (lab: Lab, called: SiteName): Site => {
  const { name: host, address, port, user, hostKey, identityFile, store } = lab.host(`${called}1`);
  return {
    name: called,
    stream: { address: lab.site(called).address, port: 9443 },
    hosts: {
      [hostName(host)]: { name: hostName(host), kind: "libvirt", address, port, user, hostKey, identityFile, store },
    },
  };
};
