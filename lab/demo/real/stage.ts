import path from "node:path";
import type { Site } from "#domain/configuration.ts";
import { Fault } from "#domain/fault.ts";
import { siteName, type SiteName } from "#domain/ids.ts";
import { ensurePackages } from "#lab/bootstrap/packages.ts";
import { ensureTemporal } from "#lab/bootstrap/temporal.ts";
import { buildGuest, type GuestParts } from "#lab/guest/build.ts";
import { createMachine } from "#lab/guest/machine.ts";
import { configuredHost } from "#lab/hosts/configured-host.ts";
import { type Lab, startLab } from "#lab/hosts/lab.ts";
import { reapLab } from "#lab/hosts/reap.ts";
import { type MachineEvent, observeMachine } from "#lab/oracle/observe.ts";
import { labPackages } from "#lab/packages.ts";
import { away, demoConfiguration, home, item } from "../configuration.ts";
import { startCrew } from "../crew.ts";
import { inSeconds } from "../figures.ts";
import { nextCommands } from "../next-commands.ts";
import { createOracle, type Observation } from "../oracle.ts";
import { claimRun, takeDown } from "../run-record.ts";
import type { Stage, StageBuilder } from "../stage.ts";
import { demoLabId, realRun } from "./lab-id.ts";

const machineName = "app1";
const hostOf = (site: SiteName): string => `${site}1`;
const workerFile = path.join(import.meta.dirname, "../../../workers/site-main.ts");

/** The lab first: its workers go with it. */
export const takeRealStageDown = async (): Promise<boolean> => {
  const lab = await reapLab(demoLabId);
  const processes = await takeDown(realRun);
  return lab || processes;
};

/** Two sites on real hosts in namespaces of this machine: libvirt, QEMU, sshd, and a machine with a kernel and file system of its own. */
export const buildRealStage: StageBuilder = async ({ progress, signal, ask }) => {
  if (process.getuid?.() !== 0) {
    throw new Fault(
      "PREREQUISITES_FAILED",
      "Two real hosts take root (network namespaces, QEMU). Type: sudo npm run demo; or, on simulated hosts: npm run demo -- --light",
    );
  }
  await ensurePackages(labPackages, { progress, signal, ...(ask ? { ask } : {}) });
  await ensureTemporal({ progress, signal });
  const parts = await buildGuest({ progress, signal });

  await using undo = new AsyncDisposableStack();
  const record = await claimRun(realRun, { progress });
  undo.defer(() => record.end());
  const lab = undo.use(await startLab({ id: demoLabId, hosts: [hostOf(home), hostOf(away)], progress, signal }));
  const observer = undo.use(await observeMachine({ hosts: lab.hosts, machine: machineName }));
  const configuration = demoConfiguration({
    machineName,
    sites: { paris: siteOf(lab, home), lyon: siteOf(lab, away) },
    shutdownGraceSeconds: 60,
  });
  const [crew] = await Promise.all([
    startCrew(record, {
      configuration,
      ip: lab.address,
      workerArgv: (site, certificates) =>
        lab.site(site).execArgv([process.execPath, workerFile, "--site", site, "--pki", certificates]),
      progress,
      signal,
    }),
    startMachine(lab, { parts, progress, signal }),
  ]);
  undo.use(crew);
  const all = undo.move();
  return {
    ...crew,
    description: "two real QEMU/libvirt hosts in namespaces of this machine (emulated processors)",
    configuration,
    item,
    machineName,
    home,
    away,
    oracle: createOracle(() => Promise.resolve(observer.events().flatMap((event) => observation(lab, event)))),
    killSite: (site) => lab.site(site).crash(),
    nextCommands: nextCommands({
      item,
      home,
      temporalAddress: crew.temporal.address,
      lab: lab.id,
      look: [`./bin/understudy lab status --id ${lab.id}`, `ssh -F ${lab.sshConfig} ${hostOf(away)} virsh list --all`],
    }),
    async keep() {
      await observer[Symbol.asyncDispose]();
      await crew.letGo();
      await record.keep();
      await lab.keep();
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  } satisfies Stage;
};

const startMachine = async (
  lab: Lab,
  options: {
    readonly parts: GuestParts;
    readonly progress: (sentence: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> => {
  const { parts, progress, signal } = options;
  const guest = await createMachine({
    host: lab.host(hostOf(home)),
    name: machineName,
    addresses: [lab.address.replace(/\.1$/, ".101")],
    settings: { intervalMs: 50, rateKibPerSecond: 1024, blockKib: 64 },
    parts,
    signal,
  });
  const bootMs = await guest.start({ signal });
  progress(
    `${machineName} runs on ${hostOf(home)}: its own disk, kernel and ext4, a writer in it; booted in ${inSeconds(bootMs)}`,
  );
};

/** What the lab saw on a host, as the demo speaks of it: by site. */
const observation = (lab: Lab, event: MachineEvent): readonly Observation[] => {
  const { at } = event;
  const site = siteName(lab.host(event.host).site);
  if (event.kind === "acknowledged") return [{ kind: event.kind, site, record: event.seq, at }];
  if (event.kind === "stopped") return [];
  const { ok, head, problems } = event;
  const unsaid = ok || problems.length > 0 ? problems : ["Its records contradict one another."];
  return [{ kind: event.kind, site, at, head, problems: unsaid }];
};

const siteOf = (lab: Lab, name: SiteName): Site => {
  const configured = configuredHost(lab.host(hostOf(name)));
  return {
    name,
    stream: { address: lab.site(name).address, port: 9443 },
    hosts: { [configured.name]: configured },
  };
};
