import { createSecureContext } from "node:tls";
import type { Command } from "commander";
import { command, type Cli } from "../command.ts";
import { readSiteIdentity, type SiteIdentity } from "#config/pki/site-identity.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import { siteName } from "#domain/ids.ts";
import { namePattern, nameRule } from "#domain/names.ts";

interface WorkerOptions {
  readonly site?: string;
  readonly orchestrator?: boolean;
  readonly pki: string;
  readonly listen?: string;
}

/** Runs until it is stopped. What workers are made of is loaded only here: every other command starts without it. */
export const worker = (cli: Cli): Command =>
  command("worker", "Run a site's worker, or the orchestrator's. SIGTERM or Ctrl-C stops it in order.", [
    "understudy worker --orchestrator",
    "understudy worker --site paris --pki /etc/understudy/pki",
  ])
    .option("--site <name>", "the worker beside this site's hosts; it alone has their keys")
    .option("--orchestrator", "the worker that runs the workflows; it needs no host")
    .option("--pki <folder>", "the site's folder, as `understudy pki site` made it", "/etc/understudy/pki")
    .option(
      "--listen <address>",
      "the address to listen on for other sites (default: all of this machine's); the port is the configuration's, sites.NAME.stream.port",
    )
    .action(async ({ site, orchestrator = false, pki, listen }: WorkerOptions) => {
      if (orchestrator === (site !== undefined))
        throw new Fault("INVALID_INPUT", "Say which worker: --site NAME or --orchestrator, one of them.");
      if (site === undefined) await import("#workers/orchestrator-main.ts");
      else {
        if (!namePattern.test(site))
          throw new Fault("INVALID_INPUT", `${site} is no name for a site: use ${nameRule}.`);
        const readTls = () => readSiteIdentity(pki, site);
        // What is missing or cannot be used is said before anything is loaded.
        mustBeUsable(pki, await readTls());
        const { runSiteProcess } = await import("#workers/site-process.ts");
        const listening = listen === undefined ? {} : { listenAddress: listen };
        await runSiteProcess({ site: siteName(site), readTls, ...listening });
      }
      cli.exit(exitCodes.ok);
    });

/** A certificate that other sites refuse is the worker's to tell: what is at this site can be failed over to all the same. One that TLS cannot load ends it. */
const mustBeUsable = (folder: string, { certificate, key, authority }: SiteIdentity): void => {
  try {
    createSecureContext({ cert: certificate, key, ca: authority });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Fault(
      "INVALID_INPUT",
      `The certificate and key in ${folder} cannot be used (${reason}): a file is damaged, or the two are not of one pair. Copy the site's whole folder again, as \`understudy pki site\` or \`understudy pki rotate\` left it.`,
      { cause: error },
    );
  }
};
