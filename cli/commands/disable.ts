import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { jobCommand, order, type JobOptions } from "../operation-command.ts";

export const disable = (cli: Cli): Command =>
  jobCommand("disable", "End the protection of an item: its replica and all its recovery points are deleted.", [
    "understudy disable app1",
    "understudy disable app1 --yes",
    "understudy disable app1 --force",
  ])
    .option("--force", "also where a site is gone for good; what cannot be removed there is left and told")
    .option("-y, --yes", "do not ask")
    .action(async (item: string, options: JobOptions & { readonly force?: boolean }) => {
      const force = options.force === true;
      cli.exit(
        await order(cli, {
          operation: "DisableProtection",
          item,
          options,
          ...(force ? { input: { force } } : {}),
          consequence: `Disabling the protection of ${item} deletes its replica and every recovery point. The machine itself runs on.${force ? " What cannot be reached is left behind, and nothing of ours removes it later." : ""}`,
        }),
      );
    });
