import { createAuthority, issueSiteCertificate, type CertificateWithKey } from "#config/pki/certificate.ts";
import { cutId, diskId, instant, itemName, replicaId } from "#domain/ids.ts";
import type { CutDescription } from "#domain/cut.ts";
import type { BlockSource } from "#transfer/block.ts";
import type { ReplicaOpener } from "#transfer/replica.ts";
import type { CopyRequest, ReplicaServer, ReplicaSession, SiteTls } from "#transfer/session.ts";
import { connectTuned } from "#transfer/stream/connect.ts";
import { serveReplicas } from "#transfer/stream/serve.ts";

const validity = { days: 2 };
let authority: Promise<CertificateWithKey> | undefined;
const issued = new Map<string, Promise<SiteTls>>();

export const newAuthority = (): Promise<CertificateWithKey> => createAuthority({ name: "Understudy test", validity });

/** A certificate of this file's one authority, or of another. */
export async function siteTls(site: string, other?: CertificateWithKey): Promise<SiteTls> {
  if (other !== undefined) return await issue(site, other);
  authority ??= newAuthority();
  const own = issued.get(site) ?? issue(site, await authority);
  issued.set(site, own);
  return await own;
}

async function issue(site: string, by: CertificateWithKey): Promise<SiteTls> {
  const { certificate, key } = await issueSiteCertificate({ site, authority: by, validity });
  return { certificate, key, authority: by.certificate };
}

export const testCut = (disks: Readonly<Record<string, number>>, id = "cut-1"): CutDescription => ({
  id: cutId(id),
  item: itemName("item-1"),
  epoch: 1,
  takenAt: instant(0),
  consistency: "crash-consistent",
  disks: Object.entries(disks).map(([disk, sizeBytes]) => ({ id: diskId(disk), sizeBytes })),
  definition: "",
});

export const copyRequest = (source: BlockSource, options: Partial<CopyRequest> = {}): CopyRequest => ({
  disk: diskId("vda"),
  source,
  from: 0,
  bytesPerSecond: () => undefined,
  compression: "adaptive",
  onProgress: () => undefined,
  signal: AbortSignal.timeout(20_000),
  ...options,
});

export const replica = replicaId("replica-1");

/** The replica's site, `west`. */
export const serveStore = async (store: ReplicaOpener): Promise<ReplicaServer> =>
  await serveReplicas({ address: "127.0.0.1", port: 0, tls: await siteTls("west"), opener: store });

/** A session of site `east` with it, over a server of its own unless a port is given. */
export async function streamTo(
  store: ReplicaOpener,
  options: { readonly port?: number; readonly epoch?: number; readonly checkpointBytes?: number } = {},
): Promise<AsyncDisposable & { readonly session: ReplicaSession }> {
  const own = options.port === undefined ? await serveStore(store) : undefined;
  const port = options.port ?? own?.port ?? 0;
  const to = {
    address: "127.0.0.1",
    port,
    site: "west",
    tls: await siteTls("east"),
    replica,
    epoch: options.epoch ?? 1,
  };
  const checkpointBytes = options.checkpointBytes ?? 64 * 1024 * 1024;
  const session = await connectTuned(to, { checkpointBytes, signal: AbortSignal.timeout(9_000) });
  return {
    session,
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]();
      await own?.[Symbol.asyncDispose]();
    },
  };
}
