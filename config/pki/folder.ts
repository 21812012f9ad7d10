import { X509Certificate } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { createAuthority, issueSiteCertificate, type CertificateWithKey } from "./certificate.ts";
import { create, exists, isErrno, pkiFiles, readRequired, replace, splitBundle } from "./files.ts";
import { Fault } from "#domain/fault.ts";
import { namePattern, nameRule } from "#domain/names.ts";
import { nearest } from "#domain/nearest.ts";

/** What the verbs have in common: where, and how long a new certificate is valid. */
export interface PkiRequest {
  readonly folder: string;
  readonly days: number;
}

const checkDays = (days: number): void => {
  if (Number.isInteger(days) && days >= 1 && days <= 36_500) return;
  throw new Fault(
    "INVALID_INPUT",
    `A certificate must be valid for 1 to 36500 whole days; ${String(days)} is asked for.`,
  );
};

const readAuthority = async (folder: string): Promise<CertificateWithKey> => {
  const files = pkiFiles(folder);
  const cure = `make an authority first: understudy pki init --dir ${folder}`;
  return {
    certificate: await readRequired(files.authorityCertificate, "the authority's certificate", cure),
    key: await readRequired(files.authorityKey, "the authority's key", cure),
  };
};

const trustOf = (folder: string): Promise<string> =>
  readRequired(
    pkiFiles(folder).trust,
    "the trusted authorities",
    `make an authority first: understudy pki init --dir ${folder}`,
  );

/** Names of the sites that have a certificate here. */
export const sitesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return (await readdir(pkiFiles(folder).sitesFolder)).sort();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
};

/** Makes the authority of an installation. Refused where there is one (`INVALID_INPUT`). */
export const initPki = async ({ folder, days }: PkiRequest): Promise<void> => {
  checkDays(days);
  const files = pkiFiles(folder);
  if (await exists(files.authorityCertificate))
    throw new Fault(
      "INVALID_INPUT",
      `There is an authority in ${folder} already, and every site's certificate hangs on it; it is not overwritten. To replace it use \`understudy pki rotate --authority\`.`,
    );
  const authority = await createAuthority({
    name: `Understudy authority ${new Date().toISOString().slice(0, 10)}`,
    validity: { days },
  });
  await mkdir(files.authorityFolder, { recursive: true, mode: 0o700 });
  await create(files.authorityKey, authority.key);
  await create(files.trust, authority.certificate);
  // Last: its presence means that the authority is whole.
  await create(files.authorityCertificate, authority.certificate);
};

/** Makes a site's certificate and lays what its worker needs into one folder, whose path it answers. Refused where there is one. */
export const addSite = async ({ folder, days, site }: PkiRequest & { readonly site: string }): Promise<string> => {
  checkDays(days);
  if (!namePattern.test(site)) throw new Fault("INVALID_INPUT", `${site} is no name for a site: use ${nameRule}.`);
  const files = pkiFiles(folder).site(site);
  if (await exists(files.certificate))
    throw new Fault(
      "INVALID_INPUT",
      `The site ${site} has a certificate already; it is not overwritten. To renew it use \`understudy pki rotate ${site}\`.`,
    );
  const authority = await readAuthority(folder);
  const trust = await trustOf(folder);
  const issued = await issueSiteCertificate({ site, authority, validity: { days } });
  await mkdir(files.folder, { recursive: true, mode: 0o700 });
  // An earlier attempt may have been killed between these; without its certificate a site is not there.
  await replace(files.key, issued.key);
  await replace(files.trust, trust);
  await create(files.certificate, issued.certificate);
  return files.folder;
};

/** The site that may have been meant. */
const instead = async (folder: string, site: string): Promise<string> => {
  const meant = nearest(
    site,
    (await sitesIn(folder)).filter((name) => name !== site),
  );
  return meant === undefined ? "" : `did you mean ${meant}? Otherwise `;
};

/**
 * A new key and certificate for a site, by the present authority; the ones before stay beside them as `previous-…`.
 * Both are valid until the old one expires, so sites are renewed one after the other.
 */
export const rotateSite = async ({ folder, days, site }: PkiRequest & { readonly site: string }): Promise<string> => {
  checkDays(days);
  const files = pkiFiles(folder).site(site);
  const cure = `${await instead(folder, site)}make it first: understudy pki site ${site} --dir ${folder}`;
  const before = {
    certificate: await readRequired(files.certificate, `the certificate of ${site}`, cure),
    key: await readRequired(files.key, `the key of ${site}`, cure),
  };
  const issued = await issueSiteCertificate({ site, authority: await readAuthority(folder), validity: { days } });
  await replace(files.certificate.replace(/certificate\.pem$/u, "previous-certificate.pem"), before.certificate);
  await replace(files.key.replace(/key\.pem$/u, "previous-key.pem"), before.key);
  await replace(files.trust, await trustOf(folder));
  await replace(files.key, issued.key);
  await replace(files.certificate, issued.certificate);
  return files.folder;
};

/**
 * A new authority beside the old one: every site's trust bundle names both from now on, the sites' certificates stay as they are.
 * Then, in this order: give every site its new trust.pem, renew every site, and retire the old authority.
 */
export const rotateAuthority = async ({ folder, days }: PkiRequest): Promise<void> => {
  checkDays(days);
  const files = pkiFiles(folder);
  const before = await readAuthority(folder);
  const trust = await trustOf(folder);
  const authority = await createAuthority({
    name: `Understudy authority ${new Date().toISOString().slice(0, 10)}`,
    validity: { days },
  });
  await replace(files.trust, `${authority.certificate}${trust}`);
  await replace(
    files.authorityCertificate.replace(/certificate\.pem$/u, "previous-certificate.pem"),
    before.certificate,
  );
  await replace(files.authorityKey.replace(/key\.pem$/u, "previous-key.pem"), before.key);
  await replace(files.authorityKey, authority.key);
  await replace(files.authorityCertificate, authority.certificate);
  await spreadTrust(folder);
};

/** Takes all authorities but the present one out of the trust bundles. Refused while a site's certificate was issued by one of them. */
export const retireAuthorities = async (folder: string): Promise<void> => {
  const authority = new X509Certificate((await readAuthority(folder)).certificate);
  const behind: string[] = [];
  for (const site of await sitesIn(folder)) {
    const certificate = new X509Certificate(await readFile(pkiFiles(folder).site(site).certificate, "utf8"));
    if (!certificate.verify(authority.publicKey)) behind.push(site);
  }
  if (behind.length > 0)
    throw new Fault(
      "INVALID_INPUT",
      `The old authority still signs for ${behind.join(", ")}: renew ${behind.length === 1 ? "it" : "them"} first (\`understudy pki rotate ${behind[0] ?? "SITE"}\`) and give the site its new files.`,
    );
  await replace(pkiFiles(folder).trust, authority.toString());
  await spreadTrust(folder);
};

const spreadTrust = async (folder: string): Promise<void> => {
  const trust = await trustOf(folder);
  for (const site of await sitesIn(folder)) await replace(pkiFiles(folder).site(site).trust, trust);
};

/** How many authorities are trusted now: more than one while an authority is being replaced. */
export const trustedAuthorities = async (folder: string): Promise<number> => splitBundle(await trustOf(folder)).length;
