import { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { waitForJob } from "../wait-for-job.ts";
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
        await client.cancel(id);
        if (options.wait) return waitForJob({ context, client, id, json, wanted: "Cancelled" });
        context.terminal.out(json ? `${JSON.stringify({ id })}\n` : `The job ${id} is asked to end.\n`);
        return exitCodes.ok;
      });
      cli.exit(code);
    });
