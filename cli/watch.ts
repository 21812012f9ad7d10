import type { CliContext } from "./context.ts";

const everyMs = 1000;

/**
 * Shows something again and again until Ctrl-C: at a terminal redrawn in place, cut to its width; elsewhere, and as JSON, whenever it has changed.
 */
export const watch = async (
  { terminal, interrupted, sleep }: CliContext,
  source: { readonly text: () => Promise<string>; readonly json: boolean },
): Promise<void> => {
  const redraw = terminal.live.out && !source.json;
  let shown: string | undefined;
  while (!interrupted.aborted) {
    const text = redraw ? cut(await source.text(), terminal.columns) : await source.text();
    if (text !== shown) {
      const lines = shown === undefined ? 0 : shown.split("\n").length - 1;
      terminal.out(redraw && lines > 0 ? `\u001b[${String(lines)}A\u001b[0J${text}` : text);
      shown = text;
    }
    try {
      await sleep(everyMs, interrupted);
    } catch (error) {
      if (!interrupted.aborted) throw error;
    }
  }
};

/** A line that the terminal would wrap would be counted wrongly. */
const cut = (text: string, columns: number): string =>
  text
    .split("\n")
    .map((line) => line.slice(0, columns - 1))
    .join("\n");
