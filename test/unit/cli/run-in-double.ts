import { doubleClient, startMs, type Asked, type DoubleOptions } from "./double-client.ts";
import type { CliContext } from "#cli/context.ts";
import { runCli } from "#cli/run.ts";

export interface WorldOptions extends DoubleOptions {
  readonly files?: Readonly<Record<string, string>>;
  /** What the person at the terminal answers; absent: nobody is there. */
  readonly answers?: string;
  readonly live?: boolean;
  readonly interrupted?: AbortSignal;
  readonly sleep?: CliContext["sleep"];
  readonly scripts?: CliContext["runScript"];
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly asked: Asked;
}

/** One world for several commands in a row. */
export const world = (options: WorldOptions = {}) => {
  const { client, asked } = doubleClient(options);
  return async (line: string | readonly string[]): Promise<Ran> => {
    const out: string[] = [];
    const err: string[] = [];
    const code = await runCli(typeof line === "string" ? line.split(" ").filter((word) => word !== "") : line, {
      terminal: {
        out: (text) => void out.push(text),
        err: (text) => void err.push(text),
        live: { out: options.live ?? false, err: options.live ?? false },
        columns: 100,
        ...(options.answers === undefined
          ? {}
          : {
              ask: async (question) => {
                err.push(question);
                return options.answers ?? "";
              },
            }),
      },
      connect: async () => client,
      readFile: async (path) => {
        const text = options.files?.[path];
        if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
        return text;
      },
      now: () => startMs + 10_000,
      sleep: options.sleep ?? (async () => undefined),
      interrupted: options.interrupted ?? new AbortController().signal,
      user: "ada",
      runScript: options.scripts ?? (async () => 0),
    });
    return { code, out: out.join(""), err: err.join(""), asked };
  };
};

/** One command in a world of its own. */
export const run = (line: string | readonly string[], options: WorldOptions = {}): Promise<Ran> => world(options)(line);
