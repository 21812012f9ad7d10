import type { Command } from "commander";

/** What a shell needs to know of one command. */
export interface CommandGrammar {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly {
    readonly long: string;
    readonly short?: string;
    readonly summary: string;
    readonly takesValue: boolean;
  }[];
  /** Its first argument is a protected item's name. */
  readonly takesItem: boolean;
  readonly commands: readonly CommandGrammar[];
}

/** Read from the program itself, so that completion never lags behind it. */
export const grammarOf = (command: Command): CommandGrammar => ({
  name: command.name(),
  summary: command.description(),
  options: command.options
    .filter((option) => !option.hidden && option.long !== undefined)
    .map((option) => ({
      long: option.long ?? "",
      ...(option.short === undefined ? {} : { short: option.short }),
      summary: option.description,
      takesValue: option.required || option.optional,
    })),
  takesItem: command.registeredArguments[0]?.name() === "item",
  commands: command.commands.map(grammarOf),
});
