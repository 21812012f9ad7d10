import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const protect = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "protect",
    operation: "EnableProtection",
    summary: "Protect a machine: check everything, make its replica, start the initial replication.",
    examples: ["understudy protect app1", "understudy protect app1 --no-wait --json"],
  });
