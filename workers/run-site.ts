import { createSecureContext } from "node:tls";
import { readSiteIdentity, type SiteIdentity } from "#config/pki/site-identity.ts";
import { Fault, isFault } from "#domain/fault.ts";
import { siteName } from "#domain/ids.ts";
import { namePattern, nameRule } from "#domain/names.ts";

/**
 * `understudy worker --site` and `node workers/site-main.ts`: runs a site's worker until it is stopped. Rejects with `INVALID_INPUT` or `PERMISSION_DENIED`, before anything
 * else is loaded, for a name that no site can have and a certificate that is missing, another site's, or cannot be read or used.
 */
export async function runSite(options: {
  readonly site: string;
  /** The site's folder, as `understudy pki site` made it. */
  readonly pki: string;
  readonly listen?: string;
}): Promise<void> {
  const { site, pki, listen } = options;
  if (!namePattern.test(site)) throw new Fault("INVALID_INPUT", `${site} is no name for a site: use ${nameRule}.`);
  const readTls = () => readSiteIdentity(pki, site);
  mustBeUsable(pki, await readable(pki, readTls));
  const { runSiteProcess } = await import("#workers/site-process.ts");
  await runSiteProcess({ site: siteName(site), readTls, ...(listen === undefined ? {} : { listenAddress: listen }) });
}

async function readable(folder: string, read: () => Promise<SiteIdentity>): Promise<SiteIdentity> {
  try {
    return await read();
  } catch (error) {
    if (isFault(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      "INVALID_INPUT",
      `The certificate in ${folder} cannot be read (${reason}). Give the folder that \`understudy pki site\` made, with --pki FOLDER.`,
      { cause: error },
    );
  }
}

/** A certificate that other sites refuse is the worker's to tell: what is at this site can be failed over to all the same. One that TLS cannot load ends it. */
function mustBeUsable(folder: string, { certificate, key, authority }: SiteIdentity): void {
  try {
    createSecureContext({ cert: certificate, key, ca: authority });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      "INVALID_INPUT",
      `The certificate and key in ${folder} cannot be used (${reason}): a file is damaged, or the two are not of one pair. Copy the site's whole folder again, as \`understudy pki site\` or \`understudy pki rotate\` left it.`,
      { cause: error },
    );
  }
}
