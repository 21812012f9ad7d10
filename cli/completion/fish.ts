import type { CommandGrammar } from "./grammar.ts";

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/gu, String.raw`\$&`)}'`;

const optionLines = (condition: string, command: CommandGrammar): readonly string[] =>
  command.options.map(
    ({ long, short, summary, takesValue }) =>
      `complete -c understudy -n ${quoted(condition)} -l ${long.slice(2)}${short === undefined ? "" : ` -s ${short.slice(1)}`}${takesValue ? " -r" : ""} -d ${quoted(summary)}`,
  );

const commandLines = (command: CommandGrammar): readonly string[] => {
  const seen = `__fish_seen_subcommand_from ${command.name}`;
  const none = `${seen}; and not __fish_seen_subcommand_from ${command.commands.map(({ name }) => name).join(" ")}`;
  return [
    `complete -c understudy -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
    ...optionLines(seen, command),
    ...(command.takesItem
      ? [`complete -c understudy -n ${quoted(seen)} -f -a '(understudy completion items 2>/dev/null)'`]
      : []),
    ...command.commands.flatMap((child) => [
      `complete -c understudy -n ${quoted(none)} -f -a ${child.name} -d ${quoted(child.summary)}`,
      ...optionLines(`${seen}; and __fish_seen_subcommand_from ${child.name}`, child),
    ]),
  ];
};

export const fishCompletion = (program: CommandGrammar): string =>
  `# Understudy's completion for fish: understudy completion fish | source\n${program.commands
    .flatMap(commandLines)
    .map((line) => `${line}\n`)
    .join("")}`;
