import { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { waitForJob } from "../wait-for-job.ts";
import type { Cancellation } from "#client/understudy-client.ts";
import { exitCodes } from "#domain/exit-codes.ts";

/** `job cancel ID`: `jobs` reads, `job` acts. */
export const job = (cli: Cli): Command => new Command("job").description("Act on one job.").addCommand(cancelJob(cli));

const cancelJob = (cli: Cli): Command =>
  command("cancel", "Cancel a running job; what it has begun is undone as far as its operation allows.", [
    "understudy job cancel JOB",
  ])
    .argument("<job>", "the job's id, as `understudy jobs` shows it")
    .option("--no-wait", "do not wait until it has ended")
    .action(async (id: string, options: { readonly wait: boolean; readonly json?: boolean }) => {
      const { context } = cli;
      const json = options.json ?? false;
      const code = await withClient(cli, async (client) => {
        const became = await client.cancel(id);
        if (options.wait && became === "asked") return waitForJob({ context, client, id, json, wanted: "Cancelled" });
        context.terminal.out(json ? `${JSON.stringify({ id, cancellation: became })}\n` : `${told(id)[became]}\n`);
        return exitCodes.ok;
      });
      cli.exit(code);
    });

const told = (id: string): Readonly<Record<Cancellation, string>> => ({
  asked: `The job ${id} is asked to end.`,
  "taken-back": `No worker had taken the job ${id} up: it was taken back, and nothing was done.`,
  terminated: `The job ${id} had just begun: it was terminated, and the item puts in order what it did.`,
});
