import path from "node:path";
import { hostName, type HostName, type SiteName } from "#domain/ids.ts";
import { bootHost, crashHost } from "#lab/simulated/machines.ts";
import { openStore } from "#lab/simulated/store.ts";

/** How the demo on simulated hosts is called in its record. */
export const lightRun = "light";

/** Where the files of a site's only host are, in the demo's folder. */
export const storeOf = (folder: string, site: SiteName): string => path.join(folder, "hosts", site);

export const hostOf = (site: SiteName): HostName => hostName(`${site}1`);

export const crashLightHost = (folder: string, site: SiteName): void => {
  using store = openStore(storeOf(folder, site));
  crashHost(store);
};

/** Answers the host's name. Nothing happens to a machine that runs. */
export const reviveLightHost = (folder: string, site: SiteName): HostName => {
  using store = openStore(storeOf(folder, site));
  bootHost(store);
  return hostOf(site);
};
