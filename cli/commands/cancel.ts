import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const cancel = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "cancel",
    operation: "CancelFailover",
    summary:
      "Undo a planned failover that is not committed, or one that failed and could not be undone: the source goes on.",
    examples: ["understudy cancel app1"],
  });
