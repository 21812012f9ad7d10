import { parseArgs } from "node:util";
import { readSiteIdentity } from "#config/pki/site-identity.ts";
import { siteName } from "#domain/ids.ts";
import { runSiteProcess } from "#workers/site-process.ts";

/** `node workers/site-main.ts --site NAME --pki FOLDER [--listen ADDRESS]`: one site's worker. `understudy worker --site` runs it. */
const { values } = parseArgs({
  options: { site: { type: "string" }, pki: { type: "string" }, listen: { type: "string" } },
});
if (values.site === undefined || values.pki === undefined) {
  process.stderr.write("Usage: node workers/site-main.ts --site NAME --pki FOLDER [--listen ADDRESS]\n");
  process.exit(2);
}
const { pki, site } = values;
await runSiteProcess({
  site: siteName(site),
  readTls: () => readSiteIdentity(pki, site),
  ...(values.listen === undefined ? {} : { listenAddress: values.listen }),
});
