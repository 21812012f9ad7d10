import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

import { Fault } from "#domain/fault.ts";

import { hostFolder, identityFile, type LabHost, openHost } from "./host.ts";
import { makeKey, readPublicKey, writeHostFiles } from "./host-files.ts";
import { defaultLabDir } from "./lab-dir.ts";
import { createNetwork } from "./network.ts";
import { checkPrerequisites } from "./prerequisites.ts";
import { removeLab } from "./reap.ts";
import { type LabSite, openSite } from "./site.ts";
import { claimLab, isInUse, type LabRecord, openRecord } from "./state.ts";
import { claimSubnet, releaseSubnet } from "./subnet.ts";
import { type HostPlan, planTopology } from "./topology.ts";

export interface LabOptions {
  /** 1 to 6 of a–z and 0–9: several labs live side by side under different ids. */
  readonly id: string;
  /** `paris1` stands at the site `paris`. Default: paris1 and lyon1. */
  readonly hosts?: readonly string[];
  /** A /24; without it the first free one from 10.78.0.0 on. */
  readonly subnet?: string | undefined;
  /** Where labs keep their files; `.cache/lab` of the project by default. */
  readonly dir?: string | undefined;
  /** Hosts whose store shall be a file system of so many bytes. */
  readonly storeBytes?: Readonly<Record<string, number>>;
  readonly progress?: ((sentence: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A running lab. Disposing of it ends every process and removes every namespace, interface and file it made. */
export interface Lab extends AsyncDisposable {
  readonly id: string;
  readonly folder: string;
  readonly subnet: string;
  /** This machine's address in the lab: Temporal listens there. */
  readonly address: string;
  readonly hosts: readonly LabHost[];
  readonly sites: readonly LabSite[];
  /** For people: `ssh -F <this> paris1`. */
  readonly sshConfig: string;
  /** By name; `INVALID_INPUT` naming those there are. */
  host(name: string): LabHost;
  site(name: string): LabSite;
  /** Leaves the lab running after this process ends; disposing of this object does nothing any more. `reapLab` or `understudy lab down` removes it. */
  keep(): Promise<void>;
}

/**
 * Starts a lab: two or more hypervisor hosts on this machine, each with its own libvirtd and sshd, on a network of their own. About 2 s. What an earlier run of the
 * same id left behind is removed first. Rejects with `PREREQUISITES_FAILED` (all of them, with the cure), `INVALID_INPUT`, `HYPERVISOR_UNAVAILABLE`.
 */
export const startLab = async (options: LabOptions): Promise<Lab> => {
  checkPrerequisites();
  const { id, hosts = ["paris1", "lyon1"], dir = defaultLabDir, progress = () => undefined, signal } = options;
  planTopology({ id, hosts, subnet: options.subnet ?? "10.78.0.0/24" }); // refuses wrong input before anything is touched
  await removeLeftover(dir, id, progress);
  const record = await claim({ dir, id, hosts, subnet: options.subnet });
  try {
    progress(`network ${record.topology.subnet} with ${record.topology.sites.length} sites`);
    await createNetwork(record.topology, signal);
    await mkdir(path.dirname(identityFile(record)), { recursive: true, mode: 0o700 });
    await makeKey(identityFile(record), `understudy-lab-${id}`, signal);
    const authorizedKey = `${await readPublicKey(`${identityFile(record)}.pub`)}\n`;
    const started = await Promise.allSettled(
      record.topology.hosts.map((host) => startHost({ record, host, authorizedKey, options })),
    );
    // only when all have ended one way or the other: removing the lab under a host that still starts would leave that host behind
    const failed = started.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    await record.change((state) => ({ ...state, complete: true }));
    return await toLab(record);
  } catch (error) {
    await removeLab(record);
    throw error;
  }
};

const startHost = async (request: {
  readonly record: LabRecord;
  readonly host: HostPlan;
  readonly authorizedKey: string;
  readonly options: LabOptions;
}): Promise<void> => {
  const { record, host, authorizedKey } = request;
  const { progress = () => undefined, signal, storeBytes } = request.options;
  const folder = hostFolder(record, host.name);
  await writeHostFiles({
    topology: record.topology,
    host,
    folder,
    authorizedKey,
    storeBytes: storeBytes?.[host.name],
    signal,
  });
  progress(`host ${host.name} at ${host.address}: starting sshd and libvirtd`);
  const opened = await openHost(record, host);
  await opened.start({ ...(signal && { signal }) });
  progress(`host ${host.name} serves`);
};

/** The lab of that id that runs already, for another process to work on. Disposing of it does nothing; it belongs to who started it. `INVALID_INPUT` when none runs. */
export const openLab = async (id: string, options: { readonly dir?: string | undefined } = {}): Promise<Lab> => {
  const record = await openRecord(options.dir ?? defaultLabDir, id);
  if (record === undefined || !(await record.read()).complete) {
    throw new Fault("INVALID_INPUT", `There is no lab "${id}" running; start it: understudy lab up --id ${id}`);
  }
  const lab = await toLab(record);
  return { ...lab, [Symbol.asyncDispose]: () => Promise.resolve() };
};

const removeLeftover = async (dir: string, id: string, progress: (sentence: string) => void): Promise<void> => {
  const left = await openRecord(dir, id);
  if (left === undefined) return;
  if (await isInUse(await left.read())) {
    throw new Fault(
      "INVALID_INPUT",
      `The lab "${id}" runs already (see: understudy lab status); use another id, or end it: understudy lab down --id ${id}`,
    );
  }
  progress(`removing what an earlier run of lab ${id} left`);
  await removeLab(left);
};

const claim = async (request: {
  readonly dir: string;
  readonly id: string;
  readonly hosts: readonly string[];
  readonly subnet?: string | undefined;
}): Promise<LabRecord> => {
  const { dir, id, hosts } = request;
  const subnet = await claimSubnet(request);
  if (!(await claimLab(dir, { id, hosts, subnet }))) {
    throw new Fault("INVALID_INPUT", `The lab "${id}" is being started by another process; use another id or wait.`);
  }
  const record = await openRecord(dir, id);
  if (record === undefined) {
    await releaseSubnet(dir, id);
    throw new Fault("INTERNAL", `The state file of lab "${id}" vanished from ${dir} while it was started.`);
  }
  return record;
};

const toLab = async (record: LabRecord): Promise<Lab> => {
  const { topology, folder } = record;
  const hosts = await Promise.all(topology.hosts.map((plan) => openHost(record, plan)));
  const sites = topology.sites.map((plan) =>
    openSite(
      plan,
      hosts.filter((host) => host.site === plan.name),
    ),
  );
  const sshConfig = path.join(folder, "ssh_config");
  await writeFile(path.join(folder, "known_hosts"), hosts.map((host) => `${host.address} ${host.hostKey}\n`).join(""));
  await writeFile(sshConfig, hosts.map((host) => sshConfigFor(host, folder)).join("\n"));
  let kept = false;
  return {
    id: topology.id,
    folder,
    subnet: topology.subnet,
    address: topology.core.address,
    hosts,
    sites,
    sshConfig,
    host: (name) => byName(hosts, name, "host"),
    site: (name) => byName(sites, name, "site"),
    keep: async () => {
      kept = true;
      await record.change(({ owner: _, ...state }) => state);
    },
    [Symbol.asyncDispose]: async () => {
      if (!kept) await removeLab(record);
    },
  };
};

const byName = <T extends { readonly name: string }>(all: readonly T[], name: string, what: string): T => {
  const found = all.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw new Fault(
    "INVALID_INPUT",
    `The lab has no ${what} "${name}"; it has ${all.map((each) => each.name).join(", ")}.`,
  );
};

const sshConfigFor = (host: LabHost, folder: string): string => `Host ${host.name} ${host.address}
  HostName ${host.address}
  User ${host.user}
  IdentityFile ${host.identityFile}
  IdentitiesOnly yes
  UserKnownHostsFile ${folder}/known_hosts
  StrictHostKeyChecking yes
`;
