import { createReplicator } from "#activities/replication/replicator.ts";
import { systemClock } from "#activities/replication/clock.ts";
import type { ReplicateRequest } from "#activities/replication/request.ts";
import { connectDirectly } from "./direct-session.ts";
import { policy, replica } from "./replication.ts";
import { simulatedSite, tracked } from "./simulated-machine.ts";

/**
 * `node simulated-sender.ts DIR MODE`: a worker in a process of its own, to be killed. Replicates from the simulated site `east` to `west` slowly enough to be struck
 * in the middle; says `begun` when it starts and `sealed` after each cycle.
 */
const [dir = "", mode = "run"] = process.argv.slice(2);
await using east = await simulatedSite({ dir, site: "east" });
await using west = await simulatedSite({ dir, site: "west", faults: [{ on: "replica.write", delayMs: 4 }] });
const connectReplica = connectDirectly({ opener: west.target, peerSite: "east" });
const tls = { certificate: "", key: "", authority: "" };
const replicate = createReplicator({
  platform: east.platform,
  connectReplica,
  tls: () => tls,
  clock: systemClock,
  log: () => {},
});
const request: ReplicateRequest = {
  tracked: tracked(),
  replica,
  target: { site: "west", address: "127.0.0.1", port: 9443 },
  policy: policy(),
  mode: mode as ReplicateRequest["mode"],
  returnAfterSeconds: 60,
};
let cycles = 0;
process.stdout.write("begun\n");
await replicate(request, {
  signal: new AbortController().signal,
  report: (report) => {
    if (report.cycles > cycles) process.stdout.write("sealed\n");
    cycles = report.cycles;
  },
});
