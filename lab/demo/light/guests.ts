import { appendFileSync } from "node:fs";
import { siteName } from "#domain/ids.ts";
import { runGuests } from "#lab/simulated/run-guests.ts";
import type { Observation } from "../oracle.ts";
import { readyLine } from "#workers/ready-line.ts";

/**
 * A process of the light demo: the simulated hosts' electricity. Plays the guests of the hosts named on the command line (`SITE=FOLDER …`) until it is ended, and
 * notes what they do in the file of the first argument.
 */
const [file = "", ...hosts] = process.argv.slice(2);
const note = (observation: Observation): void => appendFileSync(file, `${JSON.stringify(observation)}\n`);

for (const host of hosts) {
  const [name = "", dir = ""] = host.split("=");
  const site = siteName(name);
  runGuests({
    dir,
    onStarted: ({ head, problems, atMs: at }) => note({ kind: "started", site, head, problems, at }),
    onAcknowledged: ({ record, atMs: at }) => note({ kind: "acknowledged", site, record, at }),
  });
}
process.stdout.write(`${readyLine}\n`);
