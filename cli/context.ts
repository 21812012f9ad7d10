import type { UnderstudyClient } from "#client/understudy-client.ts";

/** Where a command's words go. Results to `out`, progress and errors to `err`, so that results can be piped. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Which of the two a person watches: there lines may be redrawn. */
  readonly live: { readonly out: boolean; readonly err: boolean };
  /** Characters in a line. */
  readonly columns: number;
  /** Asks a person at the terminal; undefined when there is none. */
  readonly ask?: (question: string) => Promise<string>;
}

/** Everything of the world that a command needs; tests give a double of it. */
export interface CliContext {
  readonly terminal: Terminal;
  /** `tell` hears what is being waited for; `patienceMs`: how long an answer may take, where it is not worth the usual time. */
  readonly connect: (tell: (sentence: string) => void, patienceMs?: number) => Promise<UnderstudyClient>;
  readonly readFile: (path: string) => Promise<string>;
  readonly now: () => number;
  /** Rejects at once when `signal` is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Who gives the orders, for the audit trail. */
  readonly user: string;
  /** Replaces this process by another program of this checkout, as far as its terminal and exit code go. */
  readonly runScript: (path: string, args: readonly string[]) => Promise<number>;
}
