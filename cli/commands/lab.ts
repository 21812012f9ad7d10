import { Command } from "commander";
import type { Cli } from "../command.ts";

/**
 * The lab is part of the checkout, not of the product: it runs as a program of its own, which reads its own arguments and answers its own help.
 */
export const lab = (cli: Cli): Command =>
  new Command("lab")
    .description("Two real hypervisor hosts on this machine, to try things on: up, guest, status, fault, down.")
    .argument("[arguments...]", "as `understudy lab --help` lists them")
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: readonly string[]) => {
      cli.exit(await cli.context.runScript("lab/cli.ts", args.length === 0 ? ["--help"] : args));
    });
