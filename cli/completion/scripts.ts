/** What every shell asks for at each TAB: the words up to the cursor, the last one as far as it is typed. Anything that goes wrong just offers nothing. */
const ask = "understudy completion words --";

/** Where Understudy has nothing to offer, bash offers files. */
const bash = `# Understudy's completion for bash: source <(understudy completion bash)
_understudy() {
  local IFS=$'\\n'
  COMPREPLY=($(${ask} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _understudy understudy
`;

const zsh = `# Understudy's completion for zsh: source <(understudy completion zsh)
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_understudy() {
  local -a offered
  offered=("\${(@f)$(${ask} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$offered" ]]; then compadd -- "\${offered[@]}"; else _files; fi
}
compdef _understudy understudy
`;

const fish = `# Understudy's completion for fish: understudy completion fish | source
function __understudy
  set -l typed (commandline -opc) (commandline -ct)
  set -l offered (${ask} $typed[2..-1] 2>/dev/null)
  if test (count $offered) -gt 0
    printf '%s\\n' $offered
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c understudy -f -a '(__understudy)'
`;

/** The script of each shell, by its name. */
export const completionScripts = { bash, zsh, fish } as const;
