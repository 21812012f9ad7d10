import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { SiteName } from "#domain/ids.ts";
import { type SiteTls, siteServerName } from "#transfer/session.ts";

/** Why other sites would not take this for that site's certificate; undefined when they will. */
export function identityProblem(site: SiteName, tls: SiteTls, nowMs = Date.now()): string | undefined {
  try {
    createSecureContext({ cert: tls.certificate, key: tls.key, ca: tls.authority });
    const own = new X509Certificate(tls.certificate);
    const name = siteServerName(site);
    if (own.checkHost(name) === undefined)
      return `It is not of site ${site}: it names ${own.subjectAltName ?? own.subject}, not ${name}.`;
    if (nowMs < Date.parse(own.validFrom)) return `It is valid only from ${own.validFrom} on; look at the clock.`;
    if (nowMs >= Date.parse(own.validTo)) return `It expired at ${own.validTo}.`;
    return authoritiesOf(tls).some((authority) => own.checkIssued(authority) && own.verify(authority.publicKey))
      ? undefined
      : "None of the authorities in its trust.pem issued it.";
  } catch (error) {
    return `The certificate and its key cannot be used: ${error instanceof Error ? error.message : String(error)}.`;
  }
}

const authoritiesOf = ({ authority }: SiteTls): readonly X509Certificate[] =>
  (authority.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
