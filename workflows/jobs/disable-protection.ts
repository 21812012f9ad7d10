import { isCancellation } from "@temporalio/workflow";
import { Fault } from "#domain/fault.ts";
import { activeEnd } from "#domain/lifecycle.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { faultOf } from "#workflows/failure.ts";
import { sourceOf, targetOf, targetSide } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { SideName } from "#workflows/item/state.ts";
import type { Job } from "#workflows/job/job.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSiteForLong, atSiteWithin } from "#workflows/sites.ts";

type Disabling = Pick<Job<"DisableProtection">, "item" | "input" | "inform" | "state">;

/** A side that is not there is not waited for longer than this. */
const patienceSeconds = 60;

/**
 * Ends protection: no more replication, no tracking, no replica. The machine that runs goes on running. With `force` also when a side cannot be reached;
 * what is left there is then said; so even a failover that waits for its commit ends, when the site it led to does not answer, and a test machine goes with its replica. Cancelling undoes nothing: only disabling again leads on.
 */
export async function DisableProtection(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "DisableProtection",
    input,
    async run(job) {
      const abandoned = job.item.lifecycle.before === "commit-pending";
      await job.task("Stop replication", async () => {
        if (abandoned) await mustBeGone(job);
      });
      await job.task("Remove change tracking", async () => {
        for (const side of ["primary", "secondary"] as const) await removeTracking(job, side);
      });
      await job.task("Delete the replica", async () => {
        for (const side of ["primary", "secondary"] as const) await deleteReplicas(job, side);
      });
      await job.task("Updating provider states", async () => undefined);
      const given = { failover: null, testMachine: null };
      if (!abandoned) return { patch: given };
      const { site } = sourceOf(job.item);
      job.inform(
        `The machine at site ${site} is its owner's again, and its host does not start it by itself: start it there when it is certain that none runs in its place.`,
      );
      return { patch: { ...given, fence: null, guarded: null } };
    },
  });
}

/** A failover that waits for its commit is not left alone as long as anybody can be asked for it. */
async function mustBeGone(job: Disabling): Promise<void> {
  const { site, host } = targetOf(job.item);
  try {
    await atSiteWithin(site, patienceSeconds).listPoints({ host, replica: targetReplica(job.item) });
  } catch (error) {
    if (isCancellation(error)) throw error;
    return job.inform(
      `Site ${site}, where the failover waits for its commit, does not answer for it: ${faultOf(error).message}`,
    );
  }
  job.state({ untouched: true });
  throw new Fault(
    "OPERATION_NOT_ALLOWED",
    `The failover of item ${job.item.item} waits for its commit, and site ${site} has its replica: commit it, or cancel it. Protection is disabled now only when that site is gone for good.`,
  );
}

async function removeTracking(job: Disabling, name: SideName): Promise<void> {
  const { item, disks, epoch, lifecycle, sides } = job.item;
  const { site, host, machine, replica } = sides[name];
  // A machine whose disks have become a replica is not tracked any more; it goes with the replica.
  if (machine === null || (replica !== null && name === targetSide(job.item) && name !== activeEnd(lifecycle))) return;
  const tracked = { item, machine: machine.id, disks, epoch };
  const held = job.item.held?.some((each) => each.site === site && each.host === host && each.machine === machine.id);
  await bearingAbsence(job, { name, what: "the change tracking" }, async () => {
    // What was held of a machine that another serves for is not given back, but forgotten with the tracking.
    if (held === true && name === activeEnd(lifecycle))
      await atSiteWithin(site, patienceSeconds).giveAutostartBack({ host, machine: machine.id });
    await atSiteWithin(site, patienceSeconds).stopTracking({ host, tracked });
  });
}

async function deleteReplicas(job: Disabling, name: SideName): Promise<void> {
  const { site, host, replica, retired } = job.item.sides[name];
  // The newest first: older ones may be what it stands on.
  const newestFirst = [...(replica === null ? [] : [replica]), ...retired.toReversed()];
  for (const each of newestFirst) {
    await bearingAbsence(job, { name, what: `the replica ${each}` }, () =>
      atSiteForLong(site).deleteReplica({ host, replica: each }),
    );
  }
}

/** With `force`, what cannot be done at a side is said and left. The side that was left by a failover is not needed in any case. */
async function bearingAbsence(
  job: Disabling,
  about: { readonly name: SideName; readonly what: string },
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isActive = about.name === activeEnd(job.item.lifecycle);
    const leftBehind = !isActive && job.item.failover !== null;
    if (job.input.force !== true && !leftBehind) throw error;
    const { site } = job.item.sides[about.name];
    job.inform(`At site ${site}, ${about.what} could not be removed: ${faultOf(error).message}`);
  }
}
