import { parseArgs } from "node:util";
import { Fault } from "#domain/fault.ts";
import { runMain } from "#workers/run-main.ts";
import { runSite } from "#workers/run-site.ts";

const usage = "Usage: node workers/site-main.ts --site NAME --pki FOLDER [--listen ADDRESS]";

/** `node workers/site-main.ts --site NAME --pki FOLDER [--listen ADDRESS]`: one site's worker, as `understudy worker --site` runs it. */
await runMain(async () => {
  const { site, pki, listen } = words();
  if (site === undefined || pki === undefined) throw new Fault("INVALID_INPUT", usage);
  await runSite({ site, pki, ...(listen === undefined ? {} : { listen }) });
});

function words() {
  const options = { site: { type: "string" }, pki: { type: "string" }, listen: { type: "string" } } as const;
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Fault("INVALID_INPUT", `${error instanceof Error ? error.message : String(error)}. ${usage}`, {
      cause: error,
    });
  }
}
