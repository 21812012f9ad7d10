import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { pointsText } from "../text/points-text.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { itemName } from "#domain/ids.ts";

export const points = (cli: Cli): Command =>
  command("points", "Show the recovery points of an item, the newest first.", ["understudy points app1"])
    .argument("<item>", "the protected item's name")
    .action(async (item: string, options: { readonly json?: boolean }) => {
      const { context } = cli;
      const found = await withClient(context, (client) => client.points(itemName(item)));
      context.terminal.out(options.json === true ? `${JSON.stringify(found)}\n` : pointsText(found, context.now()));
      cli.exit(exitCodes.ok);
    });
