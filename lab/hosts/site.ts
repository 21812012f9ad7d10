import { execa } from "execa";

import type { LabHost } from "./host.ts";
import { signalProcess, waitForExit } from "./process-identity.ts";
import { processesIn } from "./reap.ts";
import type { SitePlan } from "./topology.ts";

/** A site: its switch, its hosts, and a network namespace of its own for its worker. */
export interface LabSite {
  readonly name: string;
  /** The worker's address: reachable from Temporal, the hosts and the other sites. */
  readonly address: string;
  readonly namespace: string;
  readonly hosts: readonly LabHost[];
  /** The site's line to Temporal and the other sites: its two ends, in the machine's own namespace. */
  readonly uplink: { readonly core: string; readonly site: string };
  /** The words that run a program in the site's network, for those who start it themselves. */
  execArgv(argv: readonly string[]): readonly string[];
  /** Starts a program in the site's network, the site's worker above all: the site's line down cuts it off too. It is the caller's to end; the lab's end ends it. */
  exec(argv: readonly string[], options?: SiteProcessOptions): SiteProcess;
  /** The site's worker and whatever else runs in its network dies at once (SIGKILL); the hosts stay. */
  killWorkers(): Promise<void>;
  /** The whole site is gone: hosts, their machines, workers. */
  crash(): Promise<void>;
}

export const openSite = (plan: SitePlan, hosts: readonly LabHost[]): LabSite => {
  const execArgv = (argv: readonly string[]): readonly string[] => ["ip", "netns", "exec", plan.namespace, ...argv];
  const killWorkers = async (): Promise<void> => {
    const running = await processesIn(plan.namespace);
    for (const each of running) await signalProcess(each, "SIGKILL");
    await Promise.all(running.map((each) => waitForExit(each, 5_000)));
  };
  return {
    name: plan.name,
    address: plan.address,
    namespace: plan.namespace,
    hosts,
    uplink: plan.uplink,
    execArgv,
    exec: (argv, options = {}) => startProcess(execArgv(argv), options),
    killWorkers,
    crash: async () => {
      await Promise.all([killWorkers(), ...hosts.map((host) => host.crash())]);
    },
  };
};

export interface SiteProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the process. */
  readonly signal?: AbortSignal;
  /** A file its output is appended to instead of being collected. */
  readonly log?: string;
}

const startProcess = ([program = "", ...args]: readonly string[], options: SiteProcessOptions) => {
  const output = options.log === undefined ? ("pipe" as const) : { file: options.log, append: true };
  return execa(program, args, {
    stdin: "ignore",
    stdout: output,
    stderr: output,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...(options.env && { env: options.env }),
    ...(options.signal && { cancelSignal: options.signal }),
  });
};

/** A started process: await it for its result, or kill it by `.kill()`. */
export type SiteProcess = ReturnType<typeof startProcess>;
