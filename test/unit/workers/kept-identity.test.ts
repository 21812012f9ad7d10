import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createAuthority, issueSiteCertificate } from "#config/pki/certificate.ts";
import { siteName } from "#domain/ids.ts";
import { MemoryReplicaStore } from "#test/support/memory-replica.ts";
import { memorySource } from "#test/support/memory-blocks.ts";
import { copyRequest, newAuthority, replica, siteTls, testCut } from "#test/support/stream-sites.ts";
import type { SiteTls } from "#transfer/session.ts";
import { connectReplica } from "#transfer/stream/connect.ts";
import { serveReplicas } from "#transfer/stream/serve.ts";
import { keepIdentity } from "#workers/kept-identity.ts";
import { identityProblem } from "#workers/identity-problem.ts";

const west = siteName("west");
const signal = (): AbortSignal => AbortSignal.timeout(9_000);

/** The worker of west: its folder, what its log says, and its listener. */
async function worker() {
  const folder: { holds: () => Promise<SiteTls> } = { holds: () => siteTls("west") };
  const said: (readonly [string, unknown])[] = [];
  const identity = await keepIdentity({
    site: west,
    read: () => folder.holds(),
    log: (message, fields) => void said.push([message, fields?.["problem"]]),
    everyMs: 5,
  });
  onTestFinished(() => identity[Symbol.asyncDispose]());
  const store = new MemoryReplicaStore({ vda: 1_000_000 });
  const server = await serveReplicas({ address: "127.0.0.1", port: 0, tls: identity.current, opener: store });
  onTestFinished(() => server[Symbol.asyncDispose]());
  identity.onRenewed((tls) => server.renew(tls));
  const put = (tls: SiteTls | Error): void => {
    folder.holds = () => (tls instanceof Error ? Promise.reject(tls) : Promise.resolve(tls));
  };
  return { identity, said, put, port: server.port };
}

/** The certificate that a new connection is shown. */
async function shown(port: number): Promise<string> {
  const { certificate, key, authority } = await siteTls("east");
  const socket = connect({ port, cert: certificate, key, ca: authority, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).toString().trim();
}

describe("a certificate that is renewed while the worker runs", () => {
  it("is shown to new sessions, and those that stand go on", async () => {
    const { port, put, said, identity } = await worker();
    const first = identity.current;
    const to = { address: "127.0.0.1", port, site: "west", replica, epoch: 1 };
    await using standing = await connectReplica({ ...to, tls: await siteTls("east") }, signal());
    const cut = testCut({ vda: 1_000_000 });
    await standing.begin({ cut, mode: "full" }, signal());
    await standing.copy(copyRequest(memorySource(Buffer.alloc(1_000_000, 1))));

    // Nothing of the old is trusted any more: the authority has been replaced as well.
    const other = await newAuthority();
    const renewed = await siteTls("west", other);
    put(renewed);
    await vi.waitFor(() => expect(identity.current).toEqual(renewed));
    expect(first).not.toEqual(renewed);
    expect(await shown(port)).toBe(renewed.certificate.trim());
    expect(said.map(([message]) => message)).toEqual(["shows a renewed certificate to new connections"]);

    await standing.copy(copyRequest(memorySource(Buffer.alloc(1_000_000, 2))));
    expect(await standing.seal({ cut, keep: true, retentionSeconds: 60 }, signal())).toMatchObject({ id: cut.id });
    await using next = await connectReplica({ ...to, epoch: 2, tls: await siteTls("east", other) }, signal());
    expect(await next.state(signal())).toMatchObject({ lastCut: cut.id });
    const old = connectReplica({ ...to, epoch: 3, tls: await siteTls("east") }, signal());
    await expect(old).rejects.toMatchObject({ code: "TLS_FAILED" });
  });

  it("is not used when it is broken: the one before goes on, and the log says why, once", async () => {
    const { port, put, said, identity } = await worker();
    const before = identity.current;
    const [renewed, foreign] = [await siteTls("west", await newAuthority()), await siteTls("north")];
    put({ ...renewed, key: "half a ke" });
    await vi.waitFor(() => expect(said).toHaveLength(1));
    put(foreign);
    await vi.waitFor(() => expect(said).toHaveLength(2));
    put(new Error("key.pem is missing"));
    await vi.waitFor(() => expect(said).toHaveLength(3));
    expect(said.map(([, problem]) => problem)).toEqual([
      expect.stringContaining("cannot be used"),
      expect.stringContaining("not of site west"),
      "key.pem is missing",
    ]);
    expect(identity.current).toBe(before);
    expect(await shown(port)).toBe(before.certificate.trim());
    expect(said).toHaveLength(3);
  });
});

describe("what other sites would not take", () => {
  it("is a certificate out of its dates, of another site, of an unknown authority, or with another's key", async () => {
    const own = await siteTls("west");
    const stranger = await newAuthority();
    const day = 86_400_000;
    expect(identityProblem(west, own)).toBeUndefined();
    expect(identityProblem(west, own, Date.now() + 3 * day)).toMatch(/^It expired at /);
    expect(identityProblem(west, own, Date.now() - 3 * day)).toMatch(/valid only from/);
    expect(identityProblem(siteName("east"), own)).toContain("not east.understudy.internal");
    expect(identityProblem(west, { ...own, authority: stranger.certificate })).toContain("trust.pem");
    expect(identityProblem(west, { ...own, key: (await siteTls("north")).key })).toContain("cannot be used");
  });

  it("is not one whose authority is being replaced: either may have issued it", async () => {
    const [old, young] = [await newAuthority(), await createAuthority({ name: "Young", validity: { days: 2 } })];
    const authority = `${young.certificate}\n${old.certificate}`;
    for (const by of [old, young]) {
      const issued = await issueSiteCertificate({ site: "west", authority: by, validity: { days: 1 } });
      expect(identityProblem(west, { ...issued, authority })).toBeUndefined();
    }
  });
});
