import { createAuthority, issueSiteCertificate } from "#config/pki/certificate.ts";
import type { SiteTls } from "#transfer/session.ts";

export interface BenchCertificates {
  readonly source: SiteTls;
  readonly target: SiteTls;
}

/** Certificates of one authority for the two sites of a benchmark. */
export async function benchCertificates(): Promise<BenchCertificates> {
  const validity = { days: 1 };
  const authority = await createAuthority({ name: "Understudy bench", validity });
  const issue = async (site: string): Promise<SiteTls> => {
    const { certificate, key } = await issueSiteCertificate({ site, authority, validity });
    return { certificate, key, authority: authority.certificate };
  };
  return { source: await issue("source"), target: await issue("target") };
}
