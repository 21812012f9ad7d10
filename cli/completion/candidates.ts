import type { CommandGrammar, OptionGrammar, Words } from "./grammar.ts";

/** Where the cursor stands in a command line. */
interface Place {
  readonly command: CommandGrammar;
  /** Of the command's own, so many are given. */
  readonly given: number;
  readonly used: readonly OptionGrammar[];
  /** The option whose value comes next. */
  readonly awaiting?: OptionGrammar;
  /** Behind a `--` nothing is an option. */
  readonly plain: boolean;
}

/** Behind a word that is no command there is nothing to say. */
const nothing: CommandGrammar = { name: "", options: [], arguments: [], commands: [] };

const optionNamed = ({ options }: CommandGrammar, word: string): OptionGrammar | undefined => {
  const [name] = word.split("=");
  return options.find(({ long, short }) => long === name || short === name);
};

const step = ({ awaiting, ...place }: Place, word: string): Place => {
  const { command, given, used, plain } = place;
  if (awaiting !== undefined) return place;
  if (word === "--") return { ...place, plain: true };
  if (word.startsWith("-") && !plain) {
    const option = optionNamed(command, word);
    if (option === undefined) return place;
    const takesNext = option.value !== undefined && !word.includes("=");
    return { ...place, used: [...used, option], ...(takesNext ? { awaiting: option } : {}) };
  }
  const inner = command.commands.find(({ name }) => name === word);
  if (inner !== undefined) return { command: inner, given: 0, used: [], plain: false };
  return command.commands.length > 0 ? { ...place, command: nothing } : { ...place, given: given + 1 };
};

/**
 * What may stand at the cursor: `words` are those behind `understudy`, the last one as far as it is typed. Words that do not begin as it does are not left out yet.
 */
export const candidates = (program: CommandGrammar, words: readonly string[]): Words => {
  // bash makes three words of `--point=latest`.
  const typed = words.filter((word) => word !== "=");
  const current = typed.at(-1) ?? "";
  const start: Place = { command: program, given: 0, used: [], plain: false };
  const { command, given, used, awaiting, plain } = typed.slice(0, -1).reduce<Place>(step, start);
  if (awaiting?.value !== undefined) return awaiting.value;
  const options = command.options.filter((option) => !used.includes(option)).map(({ long }) => long);
  if (current.startsWith("-") && !plain) return options;
  if (command.commands.length > 0) return command.commands.map(({ name }) => name);
  return command.arguments[given] ?? (plain ? "anything" : options);
};
