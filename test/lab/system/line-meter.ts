import { readFile } from "node:fs/promises";
import type { LabSite } from "#lab/hosts/site.ts";

/** Counts the bytes that leave a site over its line to Temporal and the other sites, by the kernel's count: what was sent, whoever says so and however often it died meanwhile. */
export const meterLine = async (site: LabSite): Promise<{ read(): Promise<number> }> => {
  const file = `/sys/class/net/${site.uplink.core}/statistics/rx_bytes`;
  const now = async () => Number(await readFile(file, "utf8"));
  const start = await now();
  return { read: async () => (await now()) - start };
};
