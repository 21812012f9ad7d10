import type { Command } from "commander";
import { command, withClient, type Cli } from "../command.ts";
import { writtenConfiguration } from "#config/written.ts";
import { yamlLines } from "#config/yaml-text.ts";
import { exitCodes } from "#domain/exit-codes.ts";

export const configuration = (cli: Cli): Command =>
  command("configuration", "Print the applied configuration as a file, with every default said.", [
    "understudy configuration > site.yaml",
    "understudy configuration --json",
  ]).action(async ({ json }: { readonly json?: boolean }) => {
    const applied = writtenConfiguration(await withClient(cli, (client) => client.configuration()));
    const text = json === true ? JSON.stringify(applied) : yamlLines(applied).join("\n");
    cli.context.terminal.out(`${text}\n`);
    cli.exit(exitCodes.ok);
  });
