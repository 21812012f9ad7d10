import { isCancellation } from "@temporalio/workflow";
import type { DiskId, ReplicaId } from "#domain/ids.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import { faultOf } from "#workflows/failure.ts";
import { sourceOf, sourceSide, targetOf, targetSide, withSide } from "#workflows/item/ends.ts";
import { oldPrimaryFence } from "#workflows/item/old-primary.ts";
import { trackedMachine } from "#workflows/item/replicate-request.ts";
import { sealedBy } from "#workflows/item/sealed.ts";
import type { ItemState, Side } from "#workflows/item/state.ts";
import type { Steps } from "#workflows/job/job.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { withoutDefinition } from "#workflows/job/enable-checks.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { replicaIdAt } from "#workflows/job/replica-id.ts";
import { bringToDate } from "#workflows/job/bring-to-date.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite, atSiteForLong } from "#workflows/sites.ts";

/**
 * Turns replication round: the machine that was failed over from becomes the replica of the one that runs now. Only what has changed since is sent, when the old
 * primary's content is known (after a planned failover); otherwise the difference is found by checksums, and where the old primary is gone everything is sent.
 * Cancelling leaves the item as it was, failed over; what has been prepared is used when the order is given again.
 */
export async function ReverseReplicate(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "ReverseReplicate",
    input,
    async run(job) {
      const checked = await job.task("Prerequisites check for reverse replication", () => checkReverse(job));
      const old = sourceOf(job.item);
      const wanted = await job.task("Fence the previous primary virtual machine", async () => {
        const { machine } = trackedMachine(job.item);
        const fenced = await fenceOld(job);
        if (fenced.wasRunning) job.inform(`The old primary at site ${old.site} was running and has been turned off.`);
        // Guarded until it has become the replica: this job may fail before. What is made of it is known before it is made: disabling deletes it.
        const guarded = oldPrimaryFence(job.item);
        await job.record({
          fence: null,
          guarded: guarded === null || fenced.isThere ? guarded : { ...guarded, absent: true },
          sides: withPrepared(job.item, checked),
        });
        // A machine that has run has other disks than those it was shut down with; while the checks went on the item's guard may have turned it off.
        const hasRun = fenced.wasRunning || pendingFailover(job.item).sourceContent === null;
        return hasRun ? { ...checked, adopt: { machine } } : checked;
      });
      const { spec, retired } = await job.task("Prepare the previous primary as the replica", async () => ({
        spec: await prepare(job, wanted),
        retired: await stillThere(job),
      }));
      const reversed = await job.task("Reverse replication", async () => () => reversedItem(job.item, spec, retired));
      const report = await job.task("Synchronize changes", () => bringToDate(job, reversed, modeFor(spec)));
      return {
        patch: { sides: reversed().sides, disks: spec.disks, failover: null, guarded: null, ...sealedBy(report) },
        result: { bytesSent: report.bytesSent },
      };
    },
  });
}

/** A machine that is not there cannot serve: its site was built anew, or it is the replica already since an attempt that failed later. */
async function fenceOld({ item }: Steps): Promise<{ readonly isThere: boolean; readonly wasRunning: boolean }> {
  const { site, host } = sourceOf(item);
  const { machine } = trackedMachine(item);
  try {
    const { wasRunning } = await atSite(site).fenceMachine({ host, item: item.item, machine, epoch: item.epoch });
    return { isThere: true, wasRunning };
  } catch (error) {
    if (faultOf(error).code !== "MACHINE_NOT_FOUND") throw error;
    return { isThere: false, wasRunning: false };
  }
}

/** Makes the replica of the old primary, or an empty one where there is none any more: then everything is copied. Answers what has been made. */
async function prepare(job: Steps, spec: ReplicaSpec): Promise<ReplicaSpec> {
  const { site, host } = sourceOf(job.item);
  try {
    await atSiteForLong(site).createReplica({ host, spec: withoutDefinition(spec) });
    return spec;
  } catch (error) {
    if (faultOf(error).code !== "MACHINE_NOT_FOUND" || spec.adopt === undefined) throw error;
  }
  const { adopt: _gone, ...empty } = spec;
  await prerequisites(job, {
    [`site ${site}, the replica to be`]: () => atSite(site).checkTarget({ host, spec: empty }),
  });
  await atSiteForLong(site).createReplica({ host, spec: withoutDefinition(empty) });
  job.inform(`The old primary is not on host ${host} at site ${site} any more: everything is copied there.`);
  return empty;
}

/** Of the copies that were there before: the new one may have taken their place, layers and all. */
async function stillThere({ item }: Steps): Promise<Side["retired"]> {
  const { site, host, retired } = sourceOf(item);
  const there: ReplicaId[] = [];
  for (const replica of retired) {
    try {
      await atSite(site).listPoints({ host, replica });
      there.push(replica);
    } catch (error) {
      if (isCancellation(error)) throw error;
      // What cannot be read is there, too.
      if (faultOf(error).code !== "REPLICA_NOT_FOUND") there.push(replica);
    }
  }
  return there;
}

const modeFor = ({ adopt }: ReplicaSpec) =>
  adopt === undefined ? "seed" : adopt.content === undefined ? "resynchronize" : "run";

/** What the old primary is asked to become. All that is wrong with it is said at once. */
async function checkReverse(job: Steps): Promise<ReplicaSpec> {
  const { item } = job;
  const [old, current] = [sourceOf(item), targetOf(item)];
  const failover = pendingFailover(item);
  const machine = await atSite(current.site).findMachine({
    host: current.host,
    nameOrId: current.machine?.id ?? old.machine?.name ?? item.configuration.machine,
    withDefinition: true,
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
function reversedItem(item: ItemState, spec: ReplicaSpec, retired: Side["retired"]): ItemState {
  const direction = item.lifecycle.direction === "forward" ? "reverse" : "forward";
  const sides = withSide(
    { ...item, sides: withSide(item, sourceSide(item), { replica: spec.replica, retired }) },
    targetSide(item),
    {
      machine: { id: spec.machine.id, name: spec.machine.name },
    },
  );
  return { ...item, lifecycle: { ...item.lifecycle, direction }, sides, disks: spec.disks };
}
