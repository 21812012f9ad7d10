import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const commit = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "commit",
    operation: "Commit",
    summary: "Make a failover final. Its other recovery points are deleted.",
    examples: ["understudy commit app1"],
  });
