import type { CliContext } from "./context.ts";

const everyMs = 1000;

/**
 * Shows something again and again until Ctrl-C: at a terminal redrawn in place, elsewhere only when it has changed. `text` makes it from what was asked.
 */
export const watch = async (
  context: CliContext,
  source: { readonly live: () => Promise<string>; readonly ended?: () => boolean },
): Promise<void> => {
  const { terminal, interrupted } = context;
  let shown: string | undefined;
  let lines = 0;
  while (!interrupted.aborted) {
    const text = await source.live();
    if (text !== shown) {
      // What is watched is the result here: it goes to `out` also when redrawn.
      if (terminal.live && lines > 0) terminal.out(`\u001b[${String(lines)}A\u001b[0J`);
      terminal.out(text);
      shown = text;
      lines = text.split("\n").length - 1;
    }
    if (source.ended?.() === true) return;
    try {
      await context.sleep(everyMs, interrupted);
    } catch (error) {
      if (!interrupted.aborted) throw error;
    }
  }
};
