import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { readConfiguration } from "../read-configuration.ts";
import { changesText } from "../text/changes-text.ts";
import { exitCodes } from "#domain/exit-codes.ts";

export const diff = (cli: Cli): Command =>
  command("diff", "Show what applying a configuration would change.", ["understudy diff -f site.yaml"])
    .requiredOption("-f, --file <file>", "the configuration (YAML)")
    .action(async (options: { readonly file: string; readonly json?: boolean }) => {
      const { context } = cli;
      const configuration = await readConfiguration(context, options.file);
      const changes = await withClient(cli, (client) => client.diff(configuration));
      if (options.json === true) context.terminal.out(`${JSON.stringify(changes)}\n`);
      else
        context.terminal.out(changes.length === 0 ? "Nothing differs from what is applied.\n" : changesText(changes));
      cli.exit(exitCodes.ok);
    });
