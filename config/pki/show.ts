import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { pkiFiles, readRequired } from "./files.ts";
import { sitesIn, trustedAuthorities } from "./folder.ts";
import { instant, type Instant } from "#domain/ids.ts";

/** When to begin to say that a certificate ends soon. */
const soonDays = 30;

export interface CertificateView {
  readonly kind: "authority" | "site";
  readonly name: string;
  readonly expires: Instant;
  /** Whole days; below 0: expired. */
  readonly daysLeft: number;
  readonly state: "valid" | "expires-soon" | "expired";
  /** A site's: by the present authority, or by one that is being replaced. */
  readonly issuer?: "present" | "previous";
  readonly fingerprint: string;
}

const view = (
  text: string,
  about: Pick<CertificateView, "kind" | "name"> & { readonly authority?: X509Certificate },
  nowMs: number,
): CertificateView => {
  const certificate = new X509Certificate(text);
  const expires = Date.parse(certificate.validTo);
  const daysLeft = Math.floor((expires - nowMs) / 86_400_000);
  return {
    kind: about.kind,
    name: about.name,
    expires: instant(expires),
    daysLeft,
    state: expires <= nowMs ? "expired" : daysLeft < soonDays ? "expires-soon" : "valid",
    ...(about.authority === undefined
      ? {}
      : { issuer: certificate.verify(about.authority.publicKey) ? ("present" as const) : ("previous" as const) }),
    fingerprint: certificate.fingerprint256,
  };
};

/** Every certificate of the folder, the authority's first. */
export const showPki = async (
  folder: string,
  nowMs = Date.now(),
): Promise<{ readonly certificates: readonly CertificateView[]; readonly trustedAuthorities: number }> => {
  const files = pkiFiles(folder);
  const text = await readRequired(
    files.authorityCertificate,
    "the authority's certificate",
    `make an authority first: understudy pki init --dir ${folder}`,
  );
  const authority = new X509Certificate(text);
  const certificates = [view(text, { kind: "authority", name: "authority" }, nowMs)];
  for (const name of await sitesIn(folder))
    certificates.push(
      view(await readFile(files.site(name).certificate, "utf8"), { kind: "site", name, authority }, nowMs),
    );
  return { certificates, trustedAuthorities: await trustedAuthorities(folder) };
};
