import { createHash } from "node:crypto";
import path from "node:path";
import { connectClient } from "#client/connect.ts";
import type { Host, Site } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { hostName, type SiteName } from "#domain/ids.ts";
import type { Ask } from "#lab/bootstrap/ask.ts";
import { ensurePackages } from "#lab/bootstrap/packages.ts";
import { buildGuest, type GuestParts } from "#lab/guest/build.ts";
import { ackFile, consoleFile } from "#lab/guest/definition.ts";
import { createMachine } from "#lab/guest/machine.ts";
import { type Lab, startLab } from "#lab/hosts/lab.ts";
import { reapLab } from "#lab/hosts/reap.ts";
import { labPackages } from "#lab/packages.ts";
import { startTemporal } from "#lab/temporal/start.ts";
import { makeCertificates } from "../certificates.ts";
import { away, demoConfiguration, home, item } from "../configuration.ts";
import { inSeconds } from "../figures.ts";
import type { Narrator } from "../narrator.ts";
import { createOracle } from "../oracle.ts";
import { claimRun, type RunRecord, takeDown } from "../run-record.ts";
import type { Stage } from "../stage.ts";
import { startProcess } from "../start-process.ts";
import { observeGuests } from "./observe.ts";

const runName = "real";
const machineName = "app1";
const hostOf = (site: SiteName): string => `${site}1`;
/** Namespaces and bridges are the whole machine's: demos of two clones must not meet. */
const labId = `d${createHash("sha256")
  .update(import.meta.dirname)
  .digest("hex")
  .slice(0, 5)}`;

interface Means {
  readonly say: (sentence: string) => void;
  readonly signal: AbortSignal;
}

/** Two sites on real hosts in namespaces of this machine: libvirt, QEMU, sshd, and a machine with a kernel and file system of its own. */
export const buildStage = async (options: {
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
  readonly ask?: Ask;
}): Promise<Stage> => {
  const { narrator, signal, ask } = options;
  const means = { say: (sentence: string) => narrator.say(sentence), signal };
  if (process.getuid?.() !== 0) {
    throw new Fault(
      "PREREQUISITES_FAILED",
      "Two real hosts take root (network namespaces, QEMU). Type: sudo npm run demo; or, on simulated hosts: npm run demo -- --light",
    );
  }
  await ensurePackages(labPackages, { progress: means.say, signal, ...(ask ? { ask } : {}) });
  const parts = await buildGuest({ progress: means.say, signal });
  const record = await claimRun(runName, { progress: means.say });
  await using undo = new AsyncDisposableStack();
  undo.defer(() => record.end());
  const lab = undo.use(await startLab({ id: labId, hosts: [hostOf(home), hostOf(away)], progress: means.say, signal }));
  const stage = await furnish(record, lab, { ...means, parts });
  const all = undo.move();
  return {
    ...stage,
    async keep() {
      await stage.keep();
      await lab.keep();
    },
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]();
      await all.disposeAsync();
    },
  };
};

/** The lab first: its workers go with it. */
export const takeStageDown = async (): Promise<boolean> => {
  const lab = await reapLab(labId);
  const processes = await takeDown(runName);
  return lab || processes;
};

/** Temporal, the machine, workers in their sites' networks, and the observer. */
const furnish = async (
  record: RunRecord,
  lab: Lab,
  { say, signal, parts }: Means & { readonly parts: GuestParts },
): Promise<Stage> => {
  const at = (...below: readonly string[]): string => path.join(record.folder, ...below);
  const temporal = await startTemporal({ dir: record.folder, ip: lab.address, progress: say, signal });
  await record.add(temporal.pid);
  say(`a machine on ${hostOf(home)}: its own kernel and ext4, and a writer in it`);
  const guest = await createMachine({
    host: lab.host(hostOf(home)),
    name: machineName,
    addresses: [lab.address.replace(/\.1$/, ".101")],
    settings: { intervalMs: 50, rateKibPerSecond: 1024 },
    parts,
    signal,
  });
  const observer = observeGuests(
    [home, away].map((site) => ({
      site,
      acknowledgements: lab.host(hostOf(site)).path(ackFile(machineName)),
      console: lab.host(hostOf(site)).path(consoleFile(machineName)),
    })),
  );
  const certificates = await makeCertificates(record.folder, [home, away]);
  const environment = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: "default" };
  const start = (name: string, argv: readonly string[]) =>
    startProcess(record, { name, argv, env: environment, logFile: at(`${name}.log`), signal });
  const [bootMs] = await Promise.all([
    guest.start({ signal }),
    start("orchestrator", [process.execPath, path.join(import.meta.dirname, "../orchestrator.ts")]),
    ...[home, away].map((site) =>
      start(
        `worker-${site}`,
        lab
          .site(site)
          .execArgv([process.execPath, path.join(import.meta.dirname, "site-worker.ts"), site, certificates(site)]),
      ),
    ),
  ]);
  say(`${machineName} runs after ${inSeconds(bootMs)}`);
  const client = await connectClient({ address: temporal.address, identity: "demo" });
  const sites = { paris: siteOf(lab, home), lyon: siteOf(lab, away) };
  let kept = false;
  return {
    description: "two real QEMU/libvirt hosts in namespaces of this machine (emulated processors)",
    temporal,
    configuration: demoConfiguration({ machineName, sites, shutdownGraceSeconds: 60 }),
    item,
    machineName,
    home,
    away,
    client,
    oracle: createOracle(() => observer.observations()),
    killSite: (site) => lab.site(site).crash(),
    nextCommands: [
      `export TEMPORAL_ADDRESS=${temporal.address}`,
      "./bin/understudy status",
      "./bin/understudy jobs",
      `./bin/understudy points ${item}`,
      `ssh -F ${lab.sshConfig} ${hostOf(away)} virsh list --all`,
      "npm run demo -- --down      # ends it",
    ],
    async keep() {
      kept = true;
      await observer[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
      await record.keep();
      temporal.letGo();
    },
    async [Symbol.asyncDispose]() {
      if (kept) return;
      await observer[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
    },
  };
};

const siteOf = (lab: Lab, name: SiteName): Site => {
  const { address } = lab.site(name);
  const host = lab.host(hostOf(name));
  const plan: Host = {
    name: hostName(host.name),
    kind: "libvirt",
    address: host.address,
    port: host.port,
    user: host.user,
    hostKey: host.hostKey,
    identityFile: host.identityFile,
    store: host.store,
  };
  return { name, stream: { address, port: 9443 }, hosts: { [plan.name]: plan } };
};
