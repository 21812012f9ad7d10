import type { Command } from "commander";
import { command, type Cli } from "../command.ts";
import { readSiteIdentity } from "#config/pki/site-identity.ts";
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
  command("worker", "Run a site's worker, or the orchestrator's. SIGTERM stops it in order.", [
    "understudy worker --orchestrator",
    "understudy worker --site paris --pki /etc/understudy/pki",
  ])
    .option("--site <name>", "the worker beside this site's hosts; it alone has their keys")
    .option("--orchestrator", "the worker that runs the workflows; it needs no host")
    .option("--pki <folder>", "the site's folder, as `understudy pki site` made it", "/etc/understudy/pki")
    .option("--listen <address>", "where other sites reach this one (default: all of this machine's addresses)")
    .action(async ({ site, orchestrator = false, pki, listen }: WorkerOptions) => {
      if (orchestrator === (site !== undefined))
        throw new Fault("INVALID_INPUT", "Say which worker: --site NAME or --orchestrator, one of them.");
      if (site === undefined) await import("#workers/orchestrator-main.ts");
      else {
        if (!namePattern.test(site))
          throw new Fault("INVALID_INPUT", `${site} is no name for a site: use ${nameRule}.`);
        const readTls = () => readSiteIdentity(pki);
        // What is missing there is said before anything is loaded.
        await readTls();
        const { runSiteProcess } = await import("#workers/site-process.ts");
        const listening = listen === undefined ? {} : { listenAddress: listen };
        await runSiteProcess({ site: siteName(site), readTls, ...listening });
      }
      cli.exit(exitCodes.ok);
    });
