import type { DiskId } from "#domain/ids.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import { sourceOf, sourceSide, targetOf, targetSide, withSide } from "#workflows/item/ends.ts";
import { oldPrimaryFence } from "#workflows/item/old-primary.ts";
import { trackedMachine } from "#workflows/item/replicate-request.ts";
import { sealedBy } from "#workflows/item/sealed.ts";
import type { ItemState } from "#workflows/item/state.ts";
import type { Steps } from "#workflows/job/job.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { replicaIdAt } from "#workflows/job/replica-id.ts";
import { bringToDate } from "#workflows/job/bring-to-date.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Turns replication round: the machine that was failed over from becomes the replica of the one that runs now. Only what has changed since is sent, when the old
 * primary's content is known (after a planned failover); otherwise the difference is found by checksums.
 * Cancelling leaves the item as it was, failed over; what has been prepared is used when the order is given again.
 */
export async function ReverseReplicate(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "ReverseReplicate",
    input,
    async run(job) {
      const checked = await job.task("Prerequisites check for reverse replication", () => checkReverse(job));
      const old = sourceOf(job.item);
      const spec = await job.task("Fence the previous primary virtual machine", async () => {
        const { machine } = trackedMachine(job.item);
        const fenced = await atSite(old.site).fenceMachine({
          host: old.host,
          item: job.item.item,
          machine,
          epoch: job.item.epoch,
        });
        if (fenced.wasRunning) job.inform(`The old primary at site ${old.site} was running and has been turned off.`);
        // Guarded until it has become the replica: this job may fail before. What is made of it is known before it is made: disabling deletes it.
        await job.record({ fence: null, guarded: oldPrimaryFence(job.item), sides: withPrepared(job.item, checked) });
        // A machine that has run has other disks than those it was shut down with.
        return fenced.wasRunning ? { ...checked, adopt: { machine } } : checked;
      });
      await job.task("Prepare the previous primary as the replica", () =>
        atSite(old.site).createReplica({ host: old.host, spec }),
      );
      const reversed = await job.task("Reverse replication", async () => () => reversedItem(job.item, spec));
      const report = await job.task("Synchronize changes", () =>
        bringToDate(job, reversed, spec.adopt?.content === undefined ? "resynchronize" : "run"),
      );
      return {
        patch: { sides: reversed().sides, disks: spec.disks, failover: null, guarded: null, ...sealedBy(report) },
        result: { bytesSent: report.bytesSent },
      };
    },
  });
}

/** What the old primary is asked to become. All that is wrong with it is said at once. */
async function checkReverse(job: Steps): Promise<ReplicaSpec> {
  const { item } = job;
  const [old, current] = [sourceOf(item), targetOf(item)];
  const failover = pendingFailover(item);
  const machine = await atSite(current.site).findMachine({
    host: current.host,
    nameOrId: current.machine?.id ?? old.machine?.name ?? item.configuration.machine,
  });
  const spec: ReplicaSpec = {
    replica: replicaIdAt(item, old.host),
    item: item.item,
    machine,
    disks: replicated(
      item,
      machine.disks.map(({ id }) => id),
    ),
    epoch: item.epoch,
    sourceSite: current.site,
    adopt: {
      machine: trackedMachine(item).machine,
      ...(failover.sourceContent === null ? {} : { content: failover.sourceContent }),
    },
  };
  const tracked = { item: item.item, machine: machine.id, disks: spec.disks, epoch: item.epoch };
  await prerequisites(job, {
    [`site ${old.site}, the replica to be`]: () => atSite(old.site).checkTarget({ host: old.host, spec }),
    [`site ${current.site}, where the machine runs`]: () =>
      atSite(current.site).checkSource({ host: current.host, tracked }),
  });
  return spec;
}

const replicated = ({ configuration }: ItemState, disks: readonly DiskId[]): readonly DiskId[] =>
  disks.filter((disk) => !configuration.excludeDisks.includes(disk));

/** The place of the old primary, with the replica that it becomes. One of an earlier failed attempt is the same. */
function withPrepared(item: ItemState, spec: ReplicaSpec): ItemState["sides"] {
  const { replica, retired } = sourceOf(item);
  return withSide(item, sourceSide(item), {
    replica: spec.replica,
    retired: replica === null || replica === spec.replica ? retired : [...retired, replica],
  });
}

/** The item as it is once replication is turned round. */
function reversedItem(item: ItemState, spec: ReplicaSpec): ItemState {
  const direction = item.lifecycle.direction === "forward" ? "reverse" : "forward";
  const sides = withSide({ ...item, sides: withPrepared(item, spec) }, targetSide(item), {
    machine: { id: spec.machine.id, name: spec.machine.name },
  });
  return { ...item, lifecycle: { ...item.lifecycle, direction }, sides, disks: spec.disks };
}
