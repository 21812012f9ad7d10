import { isCancellation, patched } from "@temporalio/workflow";
import type { FaultCode } from "#domain/fault-codes.ts";
import { Fault } from "#domain/fault.ts";
import { activeEnd } from "#domain/lifecycle.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { faultOf } from "#workflows/failure.ts";
import { sourceOf, sourceSide, targetOf, targetSide } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { ItemPatch, ItemState, SideName } from "#workflows/item/state.ts";
import type { Job } from "#workflows/job/job.ts";
import { giveUpFences } from "#workflows/job/give-up-fences.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSiteForLong, atSitePatiently, atSiteWithin } from "#workflows/sites.ts";

type Disabling = Pick<Job<"DisableProtection">, "item" | "input" | "inform" | "state">;

/** What only a target says that has the failover. */
const refusals: readonly FaultCode[] = ["OPERATION_NOT_ALLOWED", "REPLICA_BUSY"];

/** A side that is not there is not waited for longer than this. */
const patienceSeconds = 60;

/**
 * Ends protection: no more replication, no tracking, no replica. The machine that runs goes on running. With `force` also when a side cannot be reached;
 * what is left there is then said, and an old primary there is not waited for any more that has yet to be fenced; so even a failover that waits for its commit ends, when the site it led to does not answer, and a test machine goes with its replica. Cancelling undoes nothing: only disabling again leads on.
 */
export async function DisableProtection(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "DisableProtection",
    input,
    async run(job) {
      // Ended already, but for old primaries that have yet to be fenced.
      if (job.item.lifecycle.before === "unprotected") {
        const patch = await job.task("Stop replication", () => giveUpFences(job));
        for (const done of ["Remove change tracking", "Delete the replica"] as const)
          job.skip(done, "done when protection was disabled");
        await job.task("Updating provider states", async () => undefined);
        return { patch };
      }
      const abandoned = job.item.lifecycle.before === "commit-pending";
      let left: readonly SideName[] = ["primary", "secondary"];
      const fences = await job.task("Stop replication", async () => {
        // The fence of an abandoned failover is taken back.
        if (!abandoned) return await giveUpFences(job);
        // Jobs that began before this was known look once, and delete later.
        const patient = patched("abandons-patiently");
        await mustBeGone(job, { patient });
        if (!patient) return {};
        // Before anything is taken from the source: a target that refuses is there after all.
        await deleteReplicas(job, targetSide(job.item), { whenRefused: () => stillWaits(job) });
        left = [sourceSide(job.item)];
        return await giveUpFences(job, { own: false });
      });
      await job.task("Remove change tracking", async () => {
        for (const side of ["primary", "secondary"] as const) await removeTracking(job, side);
      });
      await job.task("Delete the replica", async () => {
        for (const side of left) await deleteReplicas(job, side);
      });
      await job.task("Updating provider states", async () => undefined);
      const given = { failover: null, testMachine: null, ...fences };
      if (!abandoned) return { patch: given };
      job.inform(givenBack(job.item));
      return { patch: { ...given, fence: null, guarded: null } };
    },
  });
}

function givenBack(item: ItemState): string {
  const { site, host } = sourceOf(item);
  const when = "when it is certain that none runs in its place";
  return item.fence === null
    ? `The machine at site ${site} is its owner's again, and its host does not start it by itself: start it there ${when}.`
    : `The machine at site ${site} is its owner's again. It has never been fenced: host ${host} may start it by itself, or have done so. Let it run there only ${when}.`;
}

/** A failover that waits for its commit is not left alone as long as anybody can be asked for it. */
async function mustBeGone(job: Disabling, { patient }: { readonly patient: boolean }): Promise<void> {
  const { site, host } = targetOf(job.item);
  const target = patient ? atSitePatiently(site, patienceSeconds) : atSiteWithin(site, patienceSeconds);
  try {
    await target.listPoints({ host, replica: targetReplica(job.item) });
  } catch (error) {
    if (isCancellation(error)) throw error;
    return job.inform(
      `Site ${site}, where the failover waits for its commit, does not answer for it: ${faultOf(error).message}`,
    );
  }
  throw stillWaits(job);
}

/** The item goes back to where it waits for its commit. */
function stillWaits(job: Disabling): Fault {
  job.state({ untouched: true }, fencedAgain(job.item));
  const { site } = targetOf(job.item);
  return new Fault(
    "OPERATION_NOT_ALLOWED",
    `The failover of item ${job.item.item} waits for its commit, and site ${site} has its replica: commit it, or cancel it. Protection is disabled now only when that site is gone for good.`,
  );
}

/** A disabling that died may have taken the fence away with the tracking; to fence again what is fenced changes nothing. */
const fencedAgain = ({ fence, guarded }: ItemState): ItemPatch =>
  fence === null && guarded !== null && guarded.absent !== true ? { fence: guarded, guarded: null } : {};

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

async function deleteReplicas(job: Disabling, name: SideName, more: Pick<About, "whenRefused"> = {}): Promise<void> {
  const { site, host, replica, retired } = job.item.sides[name];
  // The newest first: older ones may be what it stands on.
  const newestFirst = [...(replica === null ? [] : [replica]), ...retired.toReversed()];
  for (const each of newestFirst) {
    await bearingAbsence(job, { name, what: `the replica ${each}`, ...more }, () =>
      atSiteForLong(site).deleteReplica({ host, replica: each }),
    );
  }
}

interface About {
  readonly name: SideName;
  readonly what: string;
  /** What the job fails with when the side is there and refuses. */
  readonly whenRefused?: () => Fault;
}

/** With `force`, what cannot be done at a side is said and left. The side that was left by a failover is not needed in any case. */
async function bearingAbsence(job: Disabling, about: About, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Jobs that began before this was known go on as if the side were gone.
    if (isCancellation(error) && patched("disabling-cancelled")) throw error;
    const isActive = about.name === activeEnd(job.item.lifecycle);
    const leftBehind = !isActive && job.item.failover !== null;
    if (job.input.force !== true && !leftBehind) throw error;
    const fault = faultOf(error);
    if (about.whenRefused !== undefined && refusals.includes(fault.code)) throw about.whenRefused();
    const { site } = job.item.sides[about.name];
    job.inform(`At site ${site}, ${about.what} could not be removed: ${fault.message}`);
  }
}
