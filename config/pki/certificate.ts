// The certificate library's dependency injection needs the Reflect API of decorators.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { siteServerName } from "#domain/site-server-name.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;
/** Clocks at the sites may differ: a certificate is valid a little before it is made. */
const backdateMs = 3_600_000;

/** A certificate and its private key, both PEM. The key is a secret: it goes into a file of mode 0600 and nowhere else. */
export interface CertificateWithKey {
  readonly certificate: string;
  readonly key: string;
}

export interface Validity {
  readonly days: number;
  /** Epoch ms; absent: now. */
  readonly from?: number;
}

const pem = (label: string, der: ArrayBuffer): string => {
  const lines = Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/gu);
  return `-----BEGIN ${label}-----\n${(lines ?? []).join("\n")}\n-----END ${label}-----\n`;
};

const der = (text: string): ArrayBuffer => {
  const bytes = Buffer.from(text.replaceAll(/-----[^-]+-----|\s/gu, ""), "base64");
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
};

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

const exported = async (certificate: X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<CertificateWithKey> => ({
  certificate: `${certificate.toString("pem")}\n`,
  key: pem("PRIVATE KEY", await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)),
});

const serialNumber = (): string => {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  // Positive in DER.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
};

const period = ({ days, from = Date.now() }: Validity): { readonly notBefore: Date; readonly notAfter: Date } => ({
  notBefore: new Date(from - backdateMs),
  notAfter: new Date(from + days * dayMs),
});

/** A new certificate authority for one installation: EC P-256, may only sign certificates, and no authorities below it. */
export const createAuthority = async (request: {
  readonly name: string;
  readonly validity: Validity;
}): Promise<CertificateWithKey> => {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [request.name] }],
      ...period(request.validity),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return exported(certificate, keys);
};

/**
 * A certificate for one site's worker, for both ends of the stream between sites: `DNS:<site>.understudy.internal`, server and client authentication.
 * It never outlives its authority.
 */
export const issueSiteCertificate = async (request: {
  readonly site: string;
  readonly authority: CertificateWithKey;
  readonly validity: Validity;
}): Promise<CertificateWithKey> => {
  const issuer = new X509Certificate(request.authority.certificate);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der(request.authority.key), algorithm, false, ["sign"]);
  const keys = await makeKeys();
  const { notBefore, notAfter } = period(request.validity);
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [siteServerName(request.site)] }],
      issuer: issuer.subjectName.toJSON(),
      notBefore,
      notAfter: notAfter < issuer.notAfter ? notAfter : issuer.notAfter,
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([{ type: "dns", value: siteServerName(request.site) }]),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return exported(certificate, keys);
};
