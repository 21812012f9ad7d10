import { Argument, Command } from "commander";
import { withClient, type Cli } from "../command.ts";
import { bashCompletion, zshCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { grammarOf } from "../completion/grammar.ts";
import { exitCodes } from "#domain/exit-codes.ts";

/** `completion SHELL` prints the script; the scripts themselves call `completion items`. */
export const completion = (cli: Cli): Command => {
  const made = new Command("completion")
    .description("Print a script that completes commands, options and items in your shell.")
    .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(["bash", "zsh", "fish", "items"]))
    .addHelpText(
      "after",
      "\nExamples:\n  $ source <(understudy completion bash)\n  $ source <(understudy completion zsh)\n  $ understudy completion fish | source",
    );
  return made.action(async (shell: string) => {
    const { terminal } = cli.context;
    if (shell === "items") {
      const items = await withClient(cli, (client) => client.items());
      terminal.out(items.map((item) => `${item.item}\n`).join(""));
    } else {
      const grammar = grammarOf(made.parent ?? made);
      const script =
        shell === "fish" ? fishCompletion(grammar) : shell === "zsh" ? zshCompletion(grammar) : bashCompletion(grammar);
      terminal.out(script);
    }
    cli.exit(exitCodes.ok);
  });
};
