import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addSite, initPki, retireAuthorities, rotateAuthority, rotateSite } from "#config/pki/folder.ts";
import { showPki } from "#config/pki/show.ts";
import { readSiteIdentity, type SiteIdentity } from "#config/pki/site-identity.ts";
import { siteServerName } from "#domain/site-server-name.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-pki-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const identity = (site: string): Promise<SiteIdentity> => readSiteIdentity(join(folder, "sites", site), site);

/** One mutual-TLS 1.3 handshake between two sites; answers the client's name as the server saw it. */
const handshake = async (
  server: SiteIdentity,
  client: SiteIdentity,
  serverName: string,
): Promise<string | undefined> => {
  const options = (own: SiteIdentity) => ({
    cert: own.certificate,
    key: own.key,
    ca: own.authority,
    minVersion: "TLSv1.3" as const,
  });
  const listener = createServer({ ...options(server), requestCert: true, rejectUnauthorized: true });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const accepted = once(listener, "secureConnection") as Promise<[TLSSocket]>;
  const socket = connect({ ...options(client), host: "127.0.0.1", port, servername: serverName });
  try {
    await once(socket, "secureConnect");
    const [peer] = await accepted;
    const name = peer.getPeerX509Certificate()?.subjectAltName;
    peer.destroy();
    return name;
  } finally {
    socket.destroy();
    listener.close();
    accepted.catch(() => undefined);
  }
};

describe("certificates for the sites", () => {
  test("two sites of one authority trust each other by their names", async () => {
    await initPki({ folder, days: 3650 });
    await addSite({ folder, site: "paris", days: 365 });
    await addSite({ folder, site: "lyon", days: 365 });
    expect(await handshake(await identity("lyon"), await identity("paris"), siteServerName("lyon"))).toBe(
      "DNS:paris.understudy.internal",
    );
    await expect(handshake(await identity("lyon"), await identity("paris"), siteServerName("nice"))).rejects.toThrow(
      /altnames/u,
    );
  });

  test("keys are readable by their owner alone", async () => {
    await initPki({ folder, days: 3650 });
    const site = await addSite({ folder, site: "paris", days: 365 });
    for (const key of [join(folder, "authority", "key.pem"), join(site, "key.pem")])
      expect((await stat(key)).mode & 0o777).toBe(0o600);
    await rotateSite({ folder, site: "paris", days: 365 });
    for (const key of ["key.pem", "previous-key.pem"]) expect((await stat(join(site, key))).mode & 0o777).toBe(0o600);
    expect((await stat(join(site, "certificate.pem"))).mode & 0o777).toBe(0o644);
  });

  test("nothing is overwritten", async () => {
    await initPki({ folder, days: 3650 });
    await addSite({ folder, site: "paris", days: 365 });
    const before = await identity("paris");
    await expect(initPki({ folder, days: 3650 })).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await expect(addSite({ folder, site: "paris", days: 365 })).rejects.toThrow("understudy pki rotate paris");
    expect(await identity("paris")).toEqual(before);
  });

  test("bad names, bad durations and a missing authority are refused by a sentence", async () => {
    await expect(addSite({ folder, site: "paris", days: 365 })).rejects.toThrow("make an authority first");
    await expect(addSite({ folder, site: "../etc", days: 365 })).rejects.toThrow("../etc is no name for a site");
    await expect(initPki({ folder, days: 0 })).rejects.toThrow("1 to 36500 whole days; 0 is asked for");
    await expect(rotateSite({ folder, site: "nice", days: 1 })).rejects.toThrow("understudy pki site nice");
  });

  test("a site's certificate never outlives its authority", async () => {
    await initPki({ folder, days: 10 });
    await addSite({ folder, site: "paris", days: 365 });
    const { certificates } = await showPki(folder);
    expect(certificates[1]?.expires).toBe(certificates[0]?.expires);
  });
});

describe("rotation", () => {
  test("a renewed site still speaks with one that is not renewed yet", async () => {
    await initPki({ folder, days: 3650 });
    await addSite({ folder, site: "paris", days: 365 });
    await addSite({ folder, site: "lyon", days: 365 });
    const old = await identity("paris");
    await rotateSite({ folder, site: "paris", days: 365 });
    const renewed = await identity("paris");
    expect(renewed.key).not.toBe(old.key);
    expect(await readFile(join(folder, "sites", "paris", "previous-certificate.pem"), "utf8")).toBe(old.certificate);
    expect(await handshake(renewed, await identity("lyon"), siteServerName("paris"))).toContain("lyon");
  });

  test("of the authority keeps every pair of sites connected at each step", async () => {
    await initPki({ folder, days: 3650 });
    await addSite({ folder, site: "paris", days: 365 });
    await addSite({ folder, site: "lyon", days: 365 });
    await rotateAuthority({ folder, days: 3650 });
    await expect(retireAuthorities(folder)).rejects.toThrow("still signs for lyon, paris: renew them first");
    const talk = async (): Promise<unknown> =>
      handshake(await identity("paris"), await identity("lyon"), siteServerName("paris"));
    await expect(talk()).resolves.toContain("lyon");
    await rotateSite({ folder, site: "paris", days: 365 });
    expect((await showPki(folder)).certificates.map(({ name, issuer }) => [name, issuer])).toEqual([
      ["authority", undefined],
      ["lyon", "previous"],
      ["paris", "present"],
    ]);
    await expect(talk()).resolves.toContain("lyon");
    await rotateSite({ folder, site: "lyon", days: 365 });
    await retireAuthorities(folder);
    expect((await showPki(folder)).trustedAuthorities).toBe(1);
    await expect(talk()).resolves.toContain("lyon");
  });

  test("after the old authority is retired, a certificate it issued is refused", async () => {
    await initPki({ folder, days: 3650 });
    await addSite({ folder, site: "paris", days: 365 });
    const stolen = await identity("paris");
    await rotateAuthority({ folder, days: 3650 });
    await rotateSite({ folder, site: "paris", days: 365 });
    await retireAuthorities(folder);
    await expect(handshake(stolen, await identity("paris"), siteServerName("paris"))).rejects.toThrow(/certificate/u);
  });
});

test("what ends soon is said", async () => {
  await initPki({ folder, days: 3650 });
  await addSite({ folder, site: "paris", days: 40 });
  const day = 86_400_000;
  const states = await Promise.all(
    [0, 15, 41].map(async (days) => (await showPki(folder, Date.now() + days * day)).certificates[1]?.state),
  );
  expect(states).toEqual(["valid", "expires-soon", "expired"]);
});

test("certificates are for both ends of a connection and for signing nothing", async () => {
  await initPki({ folder, days: 3650 });
  await addSite({ folder, site: "paris", days: 365 });
  const certificate = new X509Certificate((await identity("paris")).certificate);
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  expect(certificate.subjectAltName).toBe("DNS:paris.understudy.internal");
});
