import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { jobCommand, order, type JobOptions } from "../operation-command.ts";

export const failback = (cli: Cli): Command =>
  jobCommand("failback", "Bring the machine home: a planned failover from the secondary site, without loss.", [
    "understudy failback app1",
    "understudy failback app1 --force",
  ])
    .option("--force", "turn the guest off when it does not shut down in time")
    .action(async (item: string, options: JobOptions & { readonly force?: boolean }) => {
      cli.exit(
        await order(cli, {
          operation: "Failback",
          item,
          options,
          ...(options.force === true ? { input: { force: true } } : {}),
        }),
      );
    });
