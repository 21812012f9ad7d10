import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { itemsText, itemText } from "../text/item-text.ts";
import { watch } from "../watch.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { itemName } from "#domain/ids.ts";

const shownAs = async (client: UnderstudyClient, name: string | undefined, json: boolean): Promise<string> => {
  if (name === undefined) {
    const items = await client.items();
    return json ? `${JSON.stringify(items)}\n` : itemsText(items);
  }
  const item = await client.item(itemName(name));
  return json ? `${JSON.stringify(item)}\n` : itemText(item);
};

export const status = (cli: Cli): Command =>
  command("status", "Show the protected items, or everything about one.", [
    "understudy status",
    "understudy status app1 --watch",
    "understudy status --json | jq '.[] | select(.replicationHealth != \"Normal\")'",
  ])
    .argument("[item]", "the protected item's name")
    .option("-w, --watch", "show it again whenever it changes, until Ctrl-C")
    .action(async (name: string | undefined, options: { readonly watch?: boolean; readonly json?: boolean }) => {
      const { context } = cli;
      await withClient(cli, async (client) => {
        const json = options.json ?? false;
        const text = (): Promise<string> => shownAs(client, name, json);
        if (options.watch === true) await watch(context, { text, json });
        else context.terminal.out(await text());
      });
      cli.exit(exitCodes.ok);
    });
