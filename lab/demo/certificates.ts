import path from "node:path";
import type { SiteName } from "#domain/ids.ts";
import { addSite, initPki } from "#config/pki/folder.ts";

/** An authority of the demo's own and a certificate for each site; answers the folder with the files that a site's worker reads. */
export const makeCertificates = async (
  folder: string,
  sites: readonly SiteName[],
): Promise<(site: SiteName) => string> => {
  const pki = path.join(folder, "pki");
  await initPki({ folder: pki, days: 30 });
  const folders = new Map<SiteName, string>();
  for (const site of sites) folders.set(site, await addSite({ folder: pki, days: 30, site }));
  return (site) => folders.get(site) ?? path.join(pki, "sites", site);
};
