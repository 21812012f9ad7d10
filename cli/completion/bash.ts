import type { CommandGrammar } from "./grammar.ts";

const words = (command: CommandGrammar): string =>
  [...command.commands.map(({ name }) => name), ...command.options.map(({ long }) => long), "--help"].join(" ");

const branch = (command: CommandGrammar): string => {
  const inner = command.commands.map((child) => `    "${command.name} ${child.name}") words="${words(child)}" ;;\n`);
  return `${inner.join("")}    "${command.name}"*) words="${words(command)}" ;;\n`;
};

/** Items are asked of Understudy itself, and only where one belongs; a Temporal that is not there just offers none. */
export const bashCompletion = (
  program: CommandGrammar,
): string => `# Understudy's completion for bash: source <(understudy completion bash)
_understudy() {
  local cur words item_commands
  cur="\${COMP_WORDS[COMP_CWORD]}"
  item_commands=" ${program.commands
    .filter(({ takesItem }) => takesItem)
    .map(({ name }) => name)
    .join(" ")} "
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${words(program)}"
  elif [ "$COMP_CWORD" -eq 2 ] && [ "\${cur#-}" = "$cur" ] && [ "\${item_commands#* \${COMP_WORDS[1]} }" != "$item_commands" ]; then
    words="$(understudy completion items 2>/dev/null)"
  else
    case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${program.commands.map(branch).join("")}    *) words="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _understudy understudy
`;

/** zsh runs bash's completion functions. */
export const zshCompletion = (
  program: CommandGrammar,
): string => `# Understudy's completion for zsh: source <(understudy completion zsh)
autoload -Uz compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
${bashCompletion(program)}`;
