import type { Command } from "commander";
import { command, type Cli } from "../command.ts";
import { showDiff } from "../show-diff.ts";
import { exitCodes } from "#domain/exit-codes.ts";

export const diff = (cli: Cli): Command =>
  command("diff", "Show what applying a configuration would change, and whether it would be refused.", [
    "understudy diff -f site.yaml",
  ])
    .requiredOption("-f, --file <file>", "the configuration (YAML)")
    .action(async (options: { readonly file: string; readonly json?: boolean }) => {
      await showDiff(cli, options);
      cli.exit(exitCodes.ok);
    });
