import { command } from "../hosts/command.ts";
import type { LabHost } from "../hosts/host.ts";
import type { LabSite } from "../hosts/site.ts";

/** Cuts a site off from Temporal and the other sites: hosts and worker still reach one another. */
export const cutLine = async (site: LabSite): Promise<void> => {
  await command(["ip", "link", "set", site.uplink.core, "down"]);
};

export const restoreLine = async (site: LabSite): Promise<void> => {
  await command(["ip", "link", "set", site.uplink.core, "up"]);
};

/** Pulls a host's network cable; its machines are cut off too. */
export const unplugHost = async (host: LabHost): Promise<void> => {
  await command(["ip", "link", "set", host.switchPort, "down"]);
};

export const plugHost = async (host: LabHost): Promise<void> => {
  await command(["ip", "link", "set", host.switchPort, "up"]);
};

/** Makes a site's line slow, both ways (a token bucket; there is no added latency). Called again it changes the speed. */
export const slowLine = async (site: LabSite, mbitPerSecond: number): Promise<void> => {
  // the bucket holds what passes in 5 ms, and never less than a segment the kernel hands over in one piece
  const burst = Math.max(65_536, Math.ceil((mbitPerSecond * 1_000_000 * 0.005) / 8));
  for (const end of ends(site)) {
    await command(
      `tc qdisc replace dev ${end} root tbf rate ${mbitPerSecond}mbit burst ${burst} latency 200ms`.split(" "),
    );
  }
};

/** Gives the line its full speed back. Nothing happens when it was not slow. */
export const freeLine = async (site: LabSite): Promise<void> => {
  for (const end of ends(site)) {
    const { stdout } = await command(["tc", "qdisc", "show", "dev", end]);
    if (stdout.includes("tbf")) await command(["tc", "qdisc", "del", "dev", end, "root"]);
  }
};

const ends = (site: LabSite): readonly string[] => [site.uplink.core, site.uplink.site];
