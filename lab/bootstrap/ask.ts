import { createInterface } from "node:readline/promises";

/** Puts a yes-or-no question to the person; absent where nobody is there to answer. */
export type Ask = (question: string) => Promise<boolean>;

/** The asker for this run: undefined (go on without asking) with `--yes`, under CI and when stdin is no terminal. */
export const askAtTerminal = (options: { readonly yes: boolean }): Ask | undefined => {
  const unattended = options.yes || (process.env["CI"] ?? "") !== "" || !process.stdin.isTTY;
  return unattended ? undefined : ask;
};

const ask: Ask = async (question) => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [Y/n] `);
    return /^\s*(y(es)?)?\s*$/i.test(answer);
  } finally {
    terminal.close();
  }
};
