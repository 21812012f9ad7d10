import type { Command } from "commander";
import type { Cli } from "../command.ts";
import { jobCommand, order, type JobOptions } from "../operation-command.ts";

export const setPolicy = (cli: Cli): Command =>
  jobCommand("set-policy", "Put an item under another replication policy. Nothing is copied again.", [
    "understudy set-policy app1 nightly",
  ])
    .argument("<policy>", "a policy of the applied configuration")
    .action(async (item: string, policy: string, options: JobOptions) => {
      cli.exit(await order(cli, { operation: "UpdatePolicy", item, options, input: { policy } }));
    });
