import type { Command } from "commander";
import { command, type Cli } from "../command.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import { runSite } from "#workers/run-site.ts";

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
      if (site !== undefined) {
        await runSite({ site, pki, ...(listen === undefined ? {} : { listen }) });
      } else {
        const { runOrchestratorProcess } = await import("#workers/orchestrator-process.ts");
        await runOrchestratorProcess();
      }
      cli.exit(exitCodes.ok);
    });
