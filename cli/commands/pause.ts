import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const pause = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "pause",
    operation: "PauseReplication",
    summary: "Stop replicating for a while; changes are tracked on, recovery points stay.",
    examples: ["understudy pause app1"],
  });
