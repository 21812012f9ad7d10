import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, itemName } from "#domain/ids.ts";

export const verify = (cli: Cli): Command =>
  command("verify", "Read a recovery point again at its site and compare every block with its digest.", [
    "understudy verify app1",
    "understudy verify app1 --point POINT",
  ])
    .argument("<item>", "the protected item's name")
    .option("--point <point>", "a point's id (default: the newest)")
    .action(async (item: string, options: { readonly point?: string; readonly json?: boolean }) => {
      const { context } = cli;
      const found = await withClient(context, (client) =>
        client.verify(itemName(item), options.point === undefined ? undefined : cutId(options.point)),
      );
      if (options.json === true) context.terminal.out(`${JSON.stringify(found)}\n`);
      if (found.mismatched > 0)
        throw new Fault(
          "DIGEST_MISMATCH",
          `${String(found.mismatched)} of ${String(found.blocks)} blocks of the recovery point ${found.point} of ${item} are not what was sealed.`,
          { details: { ...found } },
        );
      if (options.json !== true)
        context.terminal.out(
          `The recovery point ${found.point} of ${item} is whole: ${String(found.blocks)} blocks match their digests.\n`,
        );
      cli.exit(exitCodes.ok);
    });
