import { parseArgs } from "node:util";
import { Fault, isFault } from "#domain/fault.ts";
import { meets, toJson, toTable, type Measure } from "./measure.ts";

/** What a benchmark is given, and what it gives back. It says what it does by `say`, which goes to stderr. */
export interface BenchOptions {
  readonly rounds: number | undefined;
  readonly only: readonly string[] | undefined;
  /** How long each run is watched, where that is a choice. */
  readonly seconds: number | undefined;
  readonly say: (sentence: string) => void;
}
export interface Bench {
  readonly summary: string;
  run(options: BenchOptions): Promise<readonly Measure[]>;
}

/** Every benchmark there is. Loaded when it is asked for, since each brings its own parts of the product. */
const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  transfer: async () => (await import("./transfer/bench.ts")).transferBench,
  rpo: async () => (await import("./rpo/bench.ts")).rpoBench,
  rto: async () => (await import("./rto/bench.ts")).rtoBench,
};

const usage = `npm run bench NAME [-- OPTION…]

  NAME            ${Object.keys(benches).join(", ")}
  --json          one array of {"name","value","unit","goal","meets"} on stdout
  --rounds N      how often each run is repeated; medians are told
  --only A,B      only these parts of the benchmark (rpo: 1,10,40 MB/s; rto: planned,unplanned)
  --seconds N     rpo: how long each rate is watched

Exit code: 0 when every goal is met, 1 when one is not, 2 when it could not be measured.
`;

function amount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new Fault("INVALID_INPUT", `${option} takes a whole number from 1 to 99999, and was given "${text}".`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean" },
    rounds: { type: "string" },
    only: { type: "string" },
    seconds: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
});
const [name = ""] = positionals;
const load = benches[name];
if (values.help === true || load === undefined) {
  process.stderr.write(usage);
  process.exit(values.help === true ? 0 : 2);
}
try {
  const bench = await load();
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  say(bench.summary);
  const rounds = amount("--rounds", values.rounds);
  const seconds = amount("--seconds", values.seconds);
  const measures = await bench.run({ rounds, seconds, only: values.only?.split(","), say });
  process.stdout.write(`${values.json === true ? toJson(measures) : toTable(measures)}\n`);
  process.exitCode = measures.every((measure) => meets(measure) !== false) ? 0 : 1;
} catch (error) {
  // What was waited for when Ctrl-C came rejects with an AbortError about it.
  const cause = error instanceof Error && isFault(error.cause) && error.name === "AbortError" ? error.cause : error;
  process.stderr.write(`${isFault(cause) ? cause.message : String(cause instanceof Error ? cause.stack : cause)}\n`);
  process.exitCode = 2;
}
