import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { playScenarios } from "#test/replay/scenarios.ts";
import { startWorld } from "#test/support/temporal-world.ts";

/**
 * `node test/replay/record.ts`: writes the histories that the replay test holds new code to. Histories that are there are of runs that a released version has
 * begun: new ones are added under a new name when a workflow changes behind `patched`, and old ones stay until nobody can be running them.
 */
const folder = join(import.meta.dirname, "histories");
await using world = await startWorld();
const recorded = await playScenarios(world);
await mkdir(folder, { recursive: true });
for (const [name, workflowId] of recorded) {
  const history = await world.environment.client.workflow.getHandle(workflowId).fetchHistory();
  await writeFile(join(folder, `${name}.json`), `${historyToJSON(history)}\n`);
}
process.stdout.write(`${recorded.size} histories written to ${folder}\n`);
