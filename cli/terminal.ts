import { createInterface } from "node:readline/promises";
import type { Terminal } from "./context.ts";

/** Asks at the terminal. Ctrl-C and the end of input are an empty answer. */
const ask = async (question: string): Promise<string> => {
  const gone = new AbortController();
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const leave = (): void => {
    gone.abort();
  };
  lines.once("SIGINT", leave);
  lines.once("close", leave);
  try {
    return await lines.question(question, { signal: gone.signal });
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    process.stderr.write("\n");
    return "";
  } finally {
    lines.close();
  }
};

/** The process's own terminal. A reader that has gone away (`understudy points app1 | head`) is no error. */
export const processTerminal = (): Terminal => {
  const { stdin, stdout, stderr } = process;
  for (const stream of [stdout, stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  const redraws = process.env["TERM"] !== "dumb";
  return {
    out: (text) => {
      stdout.write(text);
    },
    err: (text) => {
      stderr.write(text);
    },
    live: { out: stdout.isTTY && redraws, err: stderr.isTTY && redraws },
    // A terminal that does not know its width says 0.
    columns: Math.max(stderr.columns ?? 0, stdout.columns ?? 0) || 80,
    ...(stdin.isTTY && stderr.isTTY ? { ask } : {}),
  };
};
