import { Argument, Command } from "commander";
import type { Cli } from "../command.ts";
import { candidates } from "../completion/candidates.ts";
import { grammarOf, type Words } from "../completion/grammar.ts";
import { completionScripts } from "../completion/scripts.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import type { UnderstudyClient } from "#client/understudy-client.ts";

const shells = ["bash", "zsh", "fish"] as const;

/** Nobody waits longer for a TAB. */
const patienceMs = 1_500;

/** `completion SHELL` prints the script; the scripts ask with `completion words -- WORD…` what may stand at the cursor. */
export const completion = (cli: Cli): Command =>
  new Command("completion")
    .usage("[options] <shell>")
    .description("Print a script that completes commands, options, items, policies and jobs in your shell.")
    .addArgument(new Argument("<shell>").choices(shells))
    .addHelpText(
      "after",
      "\nExamples:\n  $ source <(understudy completion bash)\n  $ source <(understudy completion zsh)\n  $ understudy completion fish | source",
    )
    .action((shell: (typeof shells)[number]) => {
      cli.context.terminal.out(completionScripts[shell]);
      cli.exit(exitCodes.ok);
    })
    .addCommand(words(cli), { hidden: true });

const words = (cli: Cli): Command => {
  const made = new Command("words").argument("[words...]").helpOption(false);
  return made.action(async (typed: readonly string[]) => {
    const program = made.parent?.parent ?? made;
    const offered = await known(cli, candidates(grammarOf(program), typed));
    const current = typed.at(-1) ?? "";
    const fitting = offered.filter((word) => word.startsWith(current === "=" ? "" : current));
    cli.context.terminal.out(fitting.map((word) => `${word}\n`).join(""));
    cli.exit(exitCodes.ok);
  });
};

const known = async (cli: Cli, wanted: Words): Promise<readonly string[]> => {
  if (typeof wanted !== "string") return wanted;
  if (wanted === "anything") return [];
  await using client = await cli.context.connect(() => undefined, patienceMs);
  return await names[wanted](client);
};

const names: Readonly<
  Record<Exclude<Words & string, "anything">, (client: UnderstudyClient) => Promise<readonly string[]>>
> = {
  items: async (client) => Object.keys((await client.configuration()).items),
  policies: async (client) => Object.keys((await client.configuration()).policies),
  jobs: async (client) => (await client.jobs({ limit: 50 })).map(({ id }) => id),
};
