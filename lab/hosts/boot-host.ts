import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Fault } from "#domain/fault.ts";

import { identify, type ProcessIdentity } from "./process-identity.ts";
import type { HostPlan } from "./topology.ts";

const initScript = path.join(import.meta.dirname, "init.sh");
const readyWithinMs = 60_000;

/**
 * Starts a host: its process 1 in namespaces of its own, which starts sshd and libvirtd. Answers as soon as process 1 is there; `waitForHost` tells when it serves.
 * Rejects with `HYPERVISOR_UNAVAILABLE`.
 */
export const bootHost = async (host: HostPlan, folder: string): Promise<ProcessIdentity> => {
  await using log = await open(path.join(folder, "log/init.log"), "a");
  // not execa: the host outlives this process and nobody here waits for its end
  const launcher = spawn(
    "ip",
    [...`netns exec ${host.namespace} unshare -m -p -u -i -f --kill-child`.split(" "), initScript, host.name, folder],
    { detached: true, stdio: ["ignore", log.fd, log.fd] },
  );
  launcher.on("error", () => undefined); // shows as a missing pid below
  launcher.unref();
  const { pid } = launcher;
  if (pid === undefined)
    throw new Fault(
      "HYPERVISOR_UNAVAILABLE",
      `The host ${host.name} could not be started: the program "ip" did not run.`,
    );
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const init = await onlyChild(pid);
    if (init !== undefined) return init;
    await sleep(5);
  }
  throw new Fault(
    "HYPERVISOR_UNAVAILABLE",
    `The host ${host.name} did not start within 10 s; its own words are in ${folder}/log/init.log.`,
  );
};

/** The process 1 that `unshare` forks; `unshare` itself replaced `ip`, so it has the number we started. */
const onlyChild = async (parent: number): Promise<ProcessIdentity | undefined> => {
  try {
    const children = await readFile(`/proc/${parent}/task/${parent}/children`, "utf8");
    const child = children.trim().split(" ")[0];
    return child === undefined || child === "" ? undefined : await identify(Number(child));
  } catch {
    return undefined; // not there yet, or gone again: the caller's deadline decides
  }
};

/** Waits until the host's sshd and libvirtd take connections. Rejects with `HYPERVISOR_UNAVAILABLE`, quoting the host's own words. */
export const waitForHost = async (request: {
  readonly host: HostPlan;
  readonly folder: string;
  readonly init: ProcessIdentity;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> => {
  const { host, folder, init } = request;
  const root = `/proc/${init.pid}/root`;
  const deadline = performance.now() + readyWithinMs;
  while (!existsSync(`${root}/run/sshd.pid`) || !existsSync(`${root}/run/libvirt/libvirt-sock`)) {
    request.signal?.throwIfAborted();
    if (!existsSync(`/proc/${init.pid}`) || performance.now() > deadline) {
      const why = existsSync(`/proc/${init.pid}`) ? "did not serve within 60 s" : "ended while it started";
      throw new Fault("HYPERVISOR_UNAVAILABLE", `The host ${host.name} ${why}: ${await lastWords(folder)}`);
    }
    await sleep(20);
  }
};

const lastWords = async (folder: string): Promise<string> => {
  const logs = ["init.log", "sshd.log", "libvirtd.log"]
    .map((name) => path.join(folder, "log", name))
    .filter((file) => existsSync(file));
  const texts = await Promise.all(
    logs.map(async (file) => (await readFile(file, "utf8")).trim().split("\n").slice(-5).join(" | ")),
  );
  return texts.filter(Boolean).join(" | ") || `nothing was logged in ${folder}/log`;
};
