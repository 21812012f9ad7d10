import { inSeconds } from "./figures.ts";

/** Tells the story as it happens. */
export interface Narrator {
  /** A new part of the story begins. */
  act(title: string): void;
  say(sentence: string): void;
  /** Something goes on: replaces itself at a terminal; elsewhere it is said where nothing else was for a second, and the same again only after three. */
  progress(text: string): void;
}

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Where lines cannot be replaced, so long nothing is said before progress is. */
const silentMs = 1000;
const repeatMs = 3000;

/** At a terminal with one moving line at the bottom, elsewhere in plain lines; each with the time since the start. */
export const createNarrator = (output: Output = process.stdout, now: () => number = Date.now): Narrator => {
  const terminal = output.isTTY === true;
  const started = now();
  let moving = false;
  let lastLine = started;
  let lastText = "";
  const bold = (text: string): string => (terminal ? `\u001B[1m${text}\u001B[0m` : text);
  const stamp = (): string => `[${inSeconds(now() - started).padStart(8)}]`;
  const line = (text: string): void => {
    output.write(`${moving ? "\r\u001B[K" : ""}${text}\n`);
    moving = false;
    lastLine = now();
  };
  return {
    act(title) {
      line("");
      line(`${stamp()} ${bold(title)}`);
    },
    say(sentence) {
      line(`${stamp()}   ${sentence}`);
    },
    progress(text) {
      if (terminal) {
        output.write(`\r\u001B[K${`${stamp()}   … ${text}`.slice(0, (output.columns ?? 80) - 1)}`);
        moving = true;
        return;
      }
      if (now() - lastLine < (text === lastText ? repeatMs : silentMs)) return;
      lastText = text;
      line(`${stamp()}   … ${text}`);
    },
  };
};
