import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { jobCommand, order, type JobOptions } from "../operation-command.ts";
import { pointForms, readPointSelector } from "../point-selector.ts";

export const changePoint = (cli: Cli): Command =>
  jobCommand("change-point", "Before the commit of an unplanned failover: start again from another recovery point.", [
    "understudy points app1",
    "understudy change-point app1 --point latest-app-consistent",
  ])
    .requiredOption("--point <point>", pointForms)
    .action(async (item: string, options: JobOptions & { readonly point: string }) => {
      const point = readPointSelector(options.point);
      cli.exit(
        await order(cli, {
          operation: "ChangePit",
          item,
          options,
          input: { point },
        }),
      );
    });
