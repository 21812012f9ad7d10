import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const reprotect = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "reprotect",
    operation: "ReverseReplicate",
    summary: "Turn the replication round after a failover: the previous primary becomes the replica.",
    examples: ["understudy reprotect app1"],
  });
