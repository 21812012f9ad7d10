/** One word as a POSIX shell reads it back exactly, whatever is in it; virsh's own command parser reads it the same way. */
export const shellQuote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** A command line that runs `script` with positional arguments: the shell before it only ever sees quoted words, so arguments cannot become script. */
export const scriptCommand = (script: string, args: readonly string[]): string =>
  ["sh", "-c", shellQuote(script), "understudy", ...args.map(shellQuote)].join(" ");
