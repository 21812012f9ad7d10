import type { CliContext } from "./context.ts";
import { Fault } from "#domain/fault.ts";

/** Asks before what cannot be taken back. Answers whether to go on; where nobody can be asked, only `--yes` goes on. */
export const confirm = async (context: CliContext, consequence: string, yes: boolean): Promise<boolean> => {
  if (yes) return true;
  const { ask } = context.terminal;
  if (ask === undefined)
    throw new Fault("INVALID_INPUT", `${consequence} Nobody can be asked here (no terminal): add --yes to go on.`);
  const answer = await ask(`${consequence} Go on? [y/N] `);
  return /^y(?:es)?$/iu.test(answer.trim());
};
