import { execa } from "execa";
import { join } from "node:path";
import { addTallies, nothing, type Tally } from "./tally.ts";

/**
 * Go's programs: TypeScript's compiler and what lint knows of types. The tests run beside them and keep the processors busy: on one each, and with the heap collected
 * less often, they need half the processor time, and no longer.
 */
const goEnvironment = { GOMAXPROCS: "1", GOGC: "400", GOMEMLIMIT: "2GiB" };
/** What has not changed since is not checked again. */
const types = join(import.meta.dirname, "../../.cache/types.tsbuildinfo");

const checks: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ["types", "tsc", "--project", ".", "--singleThreaded", "--incremental", "--tsBuildInfoFile", types],
  ["lint", "oxlint", "--type-aware", "--report-unused-disable-directives"],
  ["format", "oxfmt", "--check", "."],
  ["dead code", "knip"],
];

/** Types, lint, format and dead code, side by side. A failed one shows its output and counts as one failure. */
export const checkStatically = async (progress: (sentence: string) => void): Promise<Tally> => {
  const outcomes = await Promise.all(
    checks.map(async ([name, program, ...args]) => {
      const result = await execa(program, args, {
        preferLocal: true,
        all: true,
        reject: false,
        stdin: "ignore",
        env: { ...goEnvironment, FORCE_COLOR: "0" },
      });
      progress(`${result.exitCode === 0 ? "ok     " : "FAILED "} ${name} (${(result.durationMs / 1000).toFixed(1)} s)`);
      if (result.exitCode === 0) return nothing;
      progress(result.all);
      return { passed: 0, failed: 1, complaints: [`The check of ${name} failed (${program} ${args.join(" ")}).`] };
    }),
  );
  return outcomes.reduce(addTallies, nothing);
};
