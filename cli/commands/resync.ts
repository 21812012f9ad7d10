import { simpleVerb } from "../operation-command.ts";
import type { Cli } from "../command.ts";
import type { Command } from "commander";

export const resync = (cli: Cli): Command =>
  simpleVerb(cli, {
    name: "resync",
    operation: "RepairReplication",
    summary: "Compare replica and source by digests and send only what differs.",
    examples: ["understudy resync app1"],
  });
