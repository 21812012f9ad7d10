import { existsSync } from "node:fs";

import { command } from "./command.ts";
import type { HostPlan, SitePlan, Topology } from "./topology.ts";

/**
 * Builds the lab's network. Core bridge ─ one line per site ─ the site's switch ─ hosts and the site's worker, so that one line down is a site cut
 * off from the world while its worker still reaches its host. In every host a bridge `br0` carries the host's address and its guests.
 */
export const createNetwork = async (topology: Topology, signal?: AbortSignal): Promise<void> => {
  const { core, prefix } = topology;
  await ipBatch(
    [
      `link add ${core.bridge} type bridge`,
      `addr add ${core.address}/${prefix} dev ${core.bridge}`,
      `link set ${core.bridge} up`,
    ],
    signal,
  );
  for (const site of topology.sites) await createSiteNetwork(topology, site, signal);
  for (const host of topology.hosts) await createHostNetwork(topology, host, signal);
};

const createSiteNetwork = async (topology: Topology, site: SitePlan, signal?: AbortSignal): Promise<void> => {
  await ipBatch(
    [
      `link add ${site.bridge} type bridge`,
      `link set ${site.bridge} up`,
      `link add ${site.uplink.core} type veth peer name ${site.uplink.site}`,
      `link set ${site.uplink.core} master ${topology.core.bridge} up`,
      `link set ${site.uplink.site} master ${site.bridge} up`,
      `netns add ${site.namespace}`,
      `link add ${site.port} type veth peer name eth0 netns ${site.namespace}`,
      `link set ${site.port} master ${site.bridge} up`,
    ],
    signal,
  );
  await ipBatch(
    ["link set lo up", `addr add ${site.address}/${topology.prefix} dev eth0`, "link set eth0 up"],
    signal,
    site.namespace,
  );
};

const createHostNetwork = async (topology: Topology, host: HostPlan, signal?: AbortSignal): Promise<void> => {
  const site = topology.sites.find(({ name }) => name === host.site);
  await ipBatch(
    [
      `netns add ${host.namespace}`,
      `link add ${host.port} type veth peer name eth0 netns ${host.namespace}`,
      `link set ${host.port} master ${site?.bridge ?? topology.core.bridge} up`,
    ],
    signal,
  );
  await ipBatch(
    [
      "link set lo up",
      // Named, it stays: otherwise a guest that starts or dies could change it, and the others would look for the host at the old one for seconds.
      `link add br0 address ${bridgeMac(host.address)} type bridge`,
      "link set eth0 master br0 up",
      `addr add ${host.address}/${topology.prefix} dev br0`,
      "link set br0 up",
    ],
    signal,
    host.namespace,
  );
};

/** Removes every interface and namespace the topology names that is there. Safe to call twice and on a half-built network. */
export const deleteNetwork = async (topology: Topology): Promise<void> => {
  const namespaces = [...topology.hosts, ...topology.sites].map(({ namespace }) => namespace);
  for (const namespace of namespaces.filter(namespaceExists)) await command(["ip", "netns", "del", namespace]);
  // A veth end's deletion takes its other end with it; the kernel deletes those of a dead namespace on its own, a moment later.
  const links = [
    ...topology.sites.flatMap(({ port, uplink, bridge }) => [port, uplink.core, bridge]),
    ...topology.hosts.map(({ port }) => port),
    topology.core.bridge,
  ];
  for (const link of links.filter(linkExists)) {
    try {
      await command(["ip", "link", "del", link]);
    } catch (error) {
      if (linkExists(link)) throw error;
    }
  }
};

const linkExists = (name: string): boolean => existsSync(`/sys/class/net/${name}`);
export const namespaceExists = (name: string): boolean => existsSync(`/run/netns/${name}`);

/** One `ip` process for many steps, stopping at the first that fails. */
const ipBatch = async (lines: readonly string[], signal?: AbortSignal, namespace?: string): Promise<void> => {
  await command(["ip", ...(namespace === undefined ? [] : ["-n", namespace]), "-batch", "-"], {
    stdin: `${lines.join("\n")}\n`,
    signal,
  });
};

/** Locally administered, from the IPv4 address: 10.78.0.11 has 02:75:0a:4e:00:0b. */
const bridgeMac = (address: string): string =>
  ["02", "75", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");
