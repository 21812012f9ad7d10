import { readRequired, siteFiles } from "./files.ts";

/** What a site's worker shows and trusts, as PEM texts. Has the shape of `SiteTls` (transfer/session.ts). */
export interface SiteIdentity {
  readonly certificate: string;
  readonly key: string;
  /** One or, while the authority is being replaced, several certificates. */
  readonly authority: string;
}

/** Reads `certificate.pem`, `key.pem` and `trust.pem` of a folder made by `understudy pki site`. */
export const readSiteIdentity = async (folder: string): Promise<SiteIdentity> => {
  const files = siteFiles(folder);
  const cure = "copy the site's folder, made by `understudy pki site NAME`, to where the worker looks for it";
  return {
    certificate: await readRequired(files.certificate, "the site's certificate", cure),
    key: await readRequired(files.key, "the site's key", cure),
    authority: await readRequired(files.trust, "the authorities that the site trusts", cure),
  };
};
