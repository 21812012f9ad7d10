import type { Argument, Command, Option } from "commander";
import { pointKinds } from "../point-selector.ts";

/** What may stand in a place: one of these words, a name that Understudy itself knows, or anything (a file, a number). */
export type Words = readonly string[] | "items" | "policies" | "jobs" | "anything";

export interface OptionGrammar {
  readonly long: string;
  readonly short?: string;
  /** Absent: it takes no value. */
  readonly value?: Words;
}

/** What completion needs to know of one command. */
export interface CommandGrammar {
  readonly name: string;
  readonly options: readonly OptionGrammar[];
  readonly arguments: readonly Words[];
  readonly commands: readonly CommandGrammar[];
}

/** Names that mean the same wherever they stand. */
const named: Readonly<Record<string, Words>> = {
  item: "items",
  policy: "policies",
  job: "jobs",
  point: pointKinds,
};

const wordsOf = (place: Pick<Argument | Option, "argChoices">, name: string): Words =>
  place.argChoices ?? named[name] ?? "anything";

const optionOf = (option: Option): OptionGrammar => ({
  long: option.long ?? "",
  ...(option.short === undefined ? {} : { short: option.short }),
  ...(option.required || option.optional ? { value: wordsOf(option, option.attributeName()) } : {}),
});

/** Read from the program itself, so that completion never lags behind it. */
export const grammarOf = (command: Command): CommandGrammar => ({
  name: command.name(),
  options: [
    ...command.options.filter((option) => !option.hidden && option.long !== undefined).map(optionOf),
    { long: "--help", short: "-h" },
  ],
  arguments: command.registeredArguments.map((argument) => wordsOf(argument, argument.name())),
  // Also the `help` of a group, and not what is only for the shells.
  commands: command.createHelp().visibleCommands(command).map(grammarOf),
});
