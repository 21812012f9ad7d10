import { bytesText } from "#domain/bytes-text.ts";
import { Fault } from "#domain/fault.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import { now } from "#workflows/clock.ts";
import { targetOf } from "#workflows/item/ends.ts";
import type { ItemPatch, ItemState } from "#workflows/item/state.ts";
import { checkProtection } from "#workflows/job/enable-checks.ts";
import { enlist } from "#workflows/job/enlist.ts";
import { withLeftCopies } from "#workflows/job/left-copies.ts";
import { runJob } from "#workflows/job/run-job.ts";
import type { ReplicationReached } from "#workflows/messages.ts";
import { atSite, atSiteForLong } from "#workflows/sites.ts";

/**
 * Begins the protection of a machine that the configuration names: checks both sides, makes the replica, and starts the initial replication. The job lasts until
 * the machine is protected, but lets go of the item as soon as replication has started, so that it can be paused or disabled meanwhile.
 * Cancelled or failed before that, the replica is deleted again; cancelled later, replication goes on and only the watching ends.
 */
export async function EnableProtection(input: JobInput): Promise<JobResult> {
  let configured: ItemPatch = {};
  return await runJob({
    operation: "EnableProtection",
    input,
    async ask(asked, request) {
      configured = fromConfiguration(await enlist(asked, request));
    },
    async run(job) {
      const { sides = job.item.sides } = configured;
      await job.record({
        ...configured,
        sides: withLeftCopies(sides, job.item.sides),
        protectedSince: now(),
      });
      const spec = await job.task("Prerequisites check for enabling protection", () => checkProtection(job));
      const { site, host } = targetOf(job.item);
      await job.task("Identifying replication target", async () => {
        job.note(`replica ${spec.replica} on host ${host} at site ${site}`);
        await job.record(withReplica(job.item, spec));
      });
      await job.task("Enable replication", async () => {
        job.onFailure("delete the replica", () => atSite(site).deleteReplica({ host, replica: spec.replica }));
        await atSiteForLong(site).createReplica({ host, spec });
      });
      return {};
    },
    async afterwards(job, reached) {
      const bytesSent = await job.task("Starting initial replication", async () => {
        const end = await reached();
        if (end.state !== "protected") throw notProtected(end);
        job.note(`${bytesText(end.bytesSent)} sent`);
        return end.bytesSent;
      });
      await job.task("Updating provider states", async () => job.note("protected"));
      return { bytesSent };
    },
  });
}

/** The item's workflow may have been there before, with what was configured then. */
const fromConfiguration = ({ configuration, policy, networkMappings, sides }: ItemState): ItemPatch => ({
  configuration,
  policy,
  networkMappings,
  sides,
  failover: null,
  testMachine: null,
  guarded: null,
  lastSealed: null,
});

const withReplica = ({ sides }: ItemState, { machine, disks, replica }: ReplicaSpec): ItemPatch => ({
  disks,
  sides: {
    primary: { ...sides.primary, machine: { id: machine.id, name: machine.name } },
    secondary: { ...sides.secondary, replica },
  },
});

function notProtected({ state, trouble }: ReplicationReached): Fault {
  const [first] = trouble;
  if (state === "initial-replication" && first !== undefined) {
    return new Fault(first.code, `The initial replication waits for you: ${first.message} ${first.action}`);
  }
  return new Fault("CANCELLED", `The initial replication did not come to its end; the item is now ${state}.`);
}
