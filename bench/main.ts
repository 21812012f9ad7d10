import { parseArgs } from "node:util";
import { isFault } from "#domain/fault.ts";
import { meets, toJson, toTable, type Measure } from "./measure.ts";

/** What a benchmark is given, and what it gives back. It says what it does by `say`, which goes to stderr. */
export interface BenchOptions {
  readonly rounds: number | undefined;
  readonly only: readonly string[] | undefined;
  readonly say: (sentence: string) => void;
}
export interface Bench {
  readonly summary: string;
  run(options: BenchOptions): Promise<readonly Measure[]>;
}

/** Every benchmark there is. Loaded when it is asked for, since each brings its own parts of the product. */
const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  transfer: async () => (await import("./transfer/bench.ts")).transferBench,
};

const usage = `npm run bench NAME [-- OPTION…]

  NAME            ${Object.keys(benches).join(", ")}
  --json          one array of {"name","value","unit","goal","meets"} on stdout
  --rounds N      how often each run is repeated; medians are told
  --only A,B      only these parts of the benchmark

Exit code: 0 when every goal is met, 1 when one is not, 2 when it could not be measured.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean" },
    rounds: { type: "string" },
    only: { type: "string" },
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
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  const measures = await bench.run({ rounds, only: values.only?.split(","), say });
  process.stdout.write(`${values.json === true ? toJson(measures) : toTable(measures)}\n`);
  process.exitCode = measures.every((measure) => meets(measure) !== false) ? 0 : 1;
} catch (cause) {
  process.stderr.write(`${isFault(cause) ? cause.message : String(cause instanceof Error ? cause.stack : cause)}\n`);
  process.exitCode = 2;
}
