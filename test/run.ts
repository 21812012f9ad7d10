import { availableParallelism } from "node:os";
import { askAtTerminal } from "#lab/bootstrap/ask.ts";
import { isFault } from "#domain/fault.ts";
import { checkStatically } from "#test/run/static-checks.ts";
import { setUp } from "#test/run/set-up.ts";
import { addTallies, closingLine, nothing, type Tally } from "#test/run/tally.ts";
import { runProjects } from "#test/run/vitest.ts";

/**
 * `npm test`: sets up what the tests need, then everything: types, lint, format, dead code, unit, contract, workflow and replay tests, tests on two real hosts.
 * `npm run check`: the same without the real hosts, in under a minute.
 * The last line is `N passed, N failed`; the exit code is 0 only when nothing failed.
 */
const fast = ["unit", "contract", "workflows", "replay"];
/** These wait more than they work. */
const fastWorkers = Math.max(3, availableParallelism());

const main = async (args: readonly string[]): Promise<Tally> => {
  const checkOnly = args.includes("check");
  const ask = askAtTerminal({ yes: args.includes("--yes") });
  await setUp({ realHosts: !checkOnly, progress: say, ...(ask ? { ask } : {}) });
  // Tests that wait leave the processors to the static checks.
  const [checked, tested] = await Promise.all([
    checkStatically(say),
    runProjects({ projects: fast, progress: say, workers: fastWorkers }),
  ]);
  let tally = addTallies(checked, tested);
  if (!checkOnly) tally = addTallies(tally, await runProjects({ projects: ["lab"], progress: say }));
  return tally;
};

const say = (sentence: string): void => console.log(sentence);

const started = Date.now();
let tally: Tally = { ...nothing, failed: 1 };
try {
  tally = await main(process.argv.slice(2));
} catch (error) {
  console.error(isFault(error) ? `Set-up failed: ${error.message}` : error);
}
say(`\nTook ${Math.round((Date.now() - started) / 1000)} s.`);
for (const complaint of tally.complaints) say(complaint);
say(closingLine(tally));
process.exit(tally.failed === 0 ? 0 : 1);
