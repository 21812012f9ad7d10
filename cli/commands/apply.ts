import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { readConfiguration } from "../read-configuration.ts";
import { showDiff } from "../show-diff.ts";
import { changesText } from "../text/changes-text.ts";
import { writtenChange } from "#config/written.ts";
import { exitCodes } from "#domain/exit-codes.ts";

export const apply = (cli: Cli): Command =>
  command("apply", "Check a configuration and apply it, whole or not at all.", [
    "understudy apply -f site.yaml",
    "understudy apply -f site.yaml --diff",
  ])
    .requiredOption("-f, --file <file>", "the configuration (YAML)")
    .option("--diff", "only show what would change")
    .action(async (options: { readonly file: string; readonly diff?: boolean; readonly json?: boolean }) => {
      const { context } = cli;
      cli.exit(exitCodes.ok);
      if (options.diff === true) return showDiff(cli, options);
      const configuration = await readConfiguration(context, options.file);
      const changes = await withClient(cli, (client) => client.apply(configuration));
      const count = `${String(changes.length)} ${changes.length === 1 ? "change" : "changes"}`;
      if (options.json === true) context.terminal.out(`${JSON.stringify(changes.map(writtenChange))}\n`);
      else if (changes.length === 0) context.terminal.out("Nothing differs from what is applied.\n");
      else context.terminal.out(`${changesText(changes)}Applied: ${count}.\n`);
    });
