import { Command } from "commander";
import type { CliContext } from "./context.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";

/** What every command file gets: the world, and where its exit code goes. */
export interface Cli {
  readonly context: CliContext;
  readonly exit: (code: number) => void;
  /** Says what is being waited for; with `--json` nothing. */
  readonly tell: (sentence: string) => void;
}

/** A command with its one-line summary, `--json`, and its examples below the help. */
export const command = (name: string, summary: string, examples: readonly string[]): Command =>
  new Command(name)
    .description(summary)
    .option("--json", "print JSON instead of text")
    .addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ ${example}`).join("\n")}`);

/** Connects, uses, and closes in any case. */
export const withClient = async <Result>(
  { context, tell }: Cli,
  use: (client: UnderstudyClient) => Promise<Result>,
): Promise<Result> => {
  await using client = await context.connect(tell);
  return await use(client);
};
