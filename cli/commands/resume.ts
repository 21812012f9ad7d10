import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const resume = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "resume",
    operation: "ResumeReplication",
    summary: "Go on replicating after a pause.",
    examples: ["understudy resume app1"],
  });
