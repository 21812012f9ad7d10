import { readSiteIdentity } from "#config/pki/site-identity.ts";
import { siteName } from "#domain/ids.ts";
import { openSimulated } from "#lab/simulated/open-simulated.ts";
import { runSiteProcess } from "#workers/site-process.ts";

/** `node lab/demo/light/site-worker.ts SITE CERTIFICATES`: the product's own worker, but that its hosts are simulated ones. */
const [site = "", certificates = ""] = process.argv.slice(2);

await runSiteProcess({
  site: siteName(site),
  readTls: () => readSiteIdentity(certificates, site),
  listenAddress: "127.0.0.1",
  openPlatform: (host) => openSimulated(host, { site, log: () => undefined }),
});
