import { X509Certificate } from "node:crypto";
import { readRequired, siteFiles } from "./files.ts";
import { Fault } from "#domain/fault.ts";
import { siteOfServerName, siteServerName } from "#domain/site-server-name.ts";

/** What a site's worker shows and trusts, as PEM texts. Has the shape of `SiteTls` (transfer/session.ts). */
export interface SiteIdentity {
  readonly certificate: string;
  readonly key: string;
  /** One or, while the authority is being replaced, several certificates. */
  readonly authority: string;
}

/**
 * Reads `certificate.pem`, `key.pem` and `trust.pem` of a folder made by `understudy pki site` for that site. Rejects with `INVALID_INPUT` when one is missing, or the
 * certificate is another site's: a worker would do one site's work in the other's name.
 */
export const readSiteIdentity = async (folder: string, site: string): Promise<SiteIdentity> => {
  const files = siteFiles(folder);
  const cure = "copy the site's folder, made by `understudy pki site NAME`, to where the worker looks for it";
  const identity = {
    certificate: await readRequired(files.certificate, "the site's certificate", cure),
    key: await readRequired(files.key, "the site's key", cure),
    authority: await readRequired(files.trust, "the authorities that the site trusts", cure),
  };
  const owner = ownerOf(identity.certificate);
  if (owner === undefined || owner === siteServerName(site)) return identity;
  const other = siteOfServerName(owner);
  throw new Fault(
    "INVALID_INPUT",
    other === undefined
      ? `The certificate ${files.certificate} is for ${owner}, and no certificate of a site; --site says ${site}. Give the folder that \`understudy pki site ${site}\` made, with --pki FOLDER.`
      : `The certificate ${files.certificate} is for site ${other}, but --site says ${site}. Give ${site}'s own folder with --pki FOLDER, as \`understudy pki site ${site}\` made it; or start the worker of ${other}, at ${other}: --site ${other}.`,
  );
};

/** Whom a certificate names; undefined for what is no certificate, which TLS will say. */
const ownerOf = (certificate: string): string | undefined => {
  try {
    const { subjectAltName, subject } = new X509Certificate(certificate);
    return subjectAltName?.replace(/^DNS:/u, "") ?? subject;
  } catch {
    return undefined;
  }
};
