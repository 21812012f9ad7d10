import path from "node:path";

import { Fault } from "#domain/fault.ts";

import { bootHost, waitForHost } from "./boot-host.ts";
import { command, type CommandOptions, type CommandOutput } from "./command.ts";
import { imagesFolder, readPublicKey, storeFolder } from "./host-files.ts";
import { isAlive, type ProcessIdentity, signalProcess, waitForExit } from "./process-identity.ts";
import type { LabRecord } from "./state.ts";
import type { HostPlan } from "./topology.ts";

/** One hypervisor host of the lab. */
export interface LabHost {
  readonly name: string;
  readonly site: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** To pin: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** A private key that lets `user` in. */
  readonly identityFile: string;
  /** The folder on the host for replicas and scratch. */
  readonly store: string;
  /** The folder on the host for machines' disks. */
  readonly images: string;
  /** The bridge guests hang on. */
  readonly bridge: string;
  readonly namespace: string;
  /** The host's port on its site's switch, in the machine's own namespace. */
  readonly switchPort: string;
  /** The settings its sshd is started with. */
  readonly sshdConfig: string;
  /** Where this machine sees the definitions of the host's machines; there also while the host is down. */
  readonly definitions: string;
  /** Process 1 as this machine numbers it; undefined while the host is down. */
  pid(): Promise<number | undefined>;
  /** Where this machine sees a file the host keeps under /var/lib/libvirt (not inside a store of limited size); there also while the host is down. */
  path(onHost: string): string;
  /** Runs an sh script on the host, with positional arguments, without SSH: works with the network cut. `HOST_UNREACHABLE` when it is down. */
  run(script: string, args?: readonly string[], options?: CommandOptions): Promise<CommandOutput>;
  /** As `run`, for a program and its arguments. */
  enter(argv: readonly string[], options?: CommandOptions): Promise<CommandOutput>;
  /** The words that run a program on the host, for those who start it themselves. */
  enterArgv(argv: readonly string[]): Promise<readonly string[]>;
  /** Everything on the host dies at once, its machines with it. */
  crash(): Promise<void>;
  /** Starts the host after a crash, with the disks, keys and definitions it had; resolves when it serves. Nothing happens when it runs. */
  start(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** The object for a planned host, running or not. */
export const openHost = async (record: LabRecord, plan: HostPlan): Promise<LabHost> => {
  const folder = hostFolder(record, plan.name);
  const init = async (): Promise<ProcessIdentity | undefined> => {
    const known = (await record.read()).hosts[plan.name];
    return known !== undefined && (await isAlive(known)) ? known : undefined;
  };
  const enterArgv = async (argv: readonly string[]): Promise<readonly string[]> => {
    const running = await init();
    if (running === undefined) {
      throw new Fault(
        "HOST_UNREACHABLE",
        `The lab host ${plan.name} is down; start it first: understudy lab fault start ${plan.name}`,
      );
    }
    return ["nsenter", "-t", String(running.pid), "-m", "-n", "-p", "-u", "-i", ...argv];
  };
  const enter = async (argv: readonly string[], options?: CommandOptions): Promise<CommandOutput> =>
    command(await enterArgv(argv), options);
  return {
    name: plan.name,
    site: plan.site,
    address: plan.address,
    port: 22,
    user: "root",
    hostKey: await readPublicKey(path.join(folder, "ssh/host_key.pub")),
    identityFile: identityFile(record),
    store: storeFolder,
    images: imagesFolder,
    bridge: "br0",
    namespace: plan.namespace,
    switchPort: plan.port,
    sshdConfig: path.join(folder, "ssh/sshd_config"),
    definitions: path.join(folder, "etc-libvirt/qemu"),
    pid: async () => (await init())?.pid,
    path: (onHost) => pathOnMachine(folder, plan.name, onHost),
    run: (script, args = [], options) => enter(["sh", "-c", script, "lab", ...args], options),
    enter,
    enterArgv,
    crash: async () => {
      const running = await init();
      if (running === undefined) return;
      await signalProcess(running, "SIGKILL");
      if (!(await waitForExit(running, 15_000))) {
        throw new Fault(
          "COMMAND_TIMED_OUT",
          `The lab host ${plan.name} did not die within 15 s of SIGKILL to its process 1 (${running.pid}).`,
        );
      }
    },
    start: async ({ signal } = {}) => {
      if ((await init()) !== undefined) return;
      const started = await bootHost(plan, folder);
      await record.change((state) => ({ ...state, hosts: { ...state.hosts, [plan.name]: started } }));
      await waitForHost({ host: plan, folder, init: started, signal });
    },
  };
};

/** Where a host's files are kept on this machine. */
export const hostFolder = (record: LabRecord, host: string): string => path.join(record.folder, "hosts", host);
/** The key that lets the lab's workers in at every host. */
export const identityFile = (record: LabRecord): string => path.join(record.folder, "keys/worker");

const pathOnMachine = (folder: string, host: string, onHost: string): string => {
  const inside = path.posix.relative("/var/lib/libvirt", onHost);
  if (inside.startsWith("..")) {
    throw new Fault(
      "INVALID_INPUT",
      `${onHost} of the lab host ${host} cannot be seen from outside: only what is under /var/lib/libvirt can.`,
    );
  }
  return path.join(folder, "lib", inside);
};
