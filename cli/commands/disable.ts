import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { jobCommand, order, type JobOptions } from "../operation-command.ts";

export const disable = (cli: Cli): Command =>
  jobCommand("disable", "End the protection of an item: its replica and all its recovery points are deleted.", [
    "understudy disable app1",
    "understudy disable app1 --yes",
  ])
    .option("-y, --yes", "do not ask")
    .action(async (item: string, options: JobOptions) => {
      cli.exit(
        await order(cli, {
          operation: "DisableProtection",
          item,
          options,
          consequence: `Disabling the protection of ${item} deletes its replica and every recovery point. The machine itself runs on.`,
        }),
      );
    });
