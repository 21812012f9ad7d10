import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { playScenarios } from "#test/replay/scenarios.ts";
import { startWorld } from "#test/support/temporal-world.ts";

/**
 * `node test/replay/record.ts GENERATION [NAME …]`: writes the histories that the replay test holds new code to, as `NAME.GENERATION.json`; without names all of them.
 * What is there is of runs that a released version may have begun and is never written again: a generation is added when a workflow changes behind `patched`, or does
 * what none of the recorded ones does, and old ones stay until nobody can be running them.
 */
const [generation, ...names] = process.argv.slice(2);
if (generation === undefined) throw new Error("Name the generation: node test/replay/record.ts GENERATION [NAME …]");
const folder = join(import.meta.dirname, "histories");
await using world = await startWorld();
const recorded = await playScenarios(world);
await mkdir(folder, { recursive: true });
const wanted = [...recorded].filter(([name]) => names.length === 0 || names.includes(name));
for (const [name, workflowId] of wanted) {
  const history = await world.environment.client.workflow.getHandle(workflowId).fetchHistory();
  await writeFile(join(folder, `${name}.${generation}.json`), `${historyToJSON(history)}\n`, { flag: "wx" });
}
process.stdout.write(`${wanted.length} histories written to ${folder}\n`);
