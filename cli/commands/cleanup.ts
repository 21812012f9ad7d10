import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const cleanup = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "cleanup",
    operation: "TestFailoverCleanup",
    summary: "Delete the machine of a test failover and its network.",
    examples: ["understudy cleanup app1"],
  });
