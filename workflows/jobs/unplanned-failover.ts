import type { ListedPoint } from "#domain/cut.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import type { Activation } from "#platforms/platform.ts";
import { CancellationScope, isCancellation, patched } from "@temporalio/workflow";
import { now } from "#workflows/clock.ts";
import { sourceOf, sourceSide } from "#workflows/item/ends.ts";
import { keptOnFrom } from "#workflows/item/keeping-on.ts";
import type { TurnedOff } from "#workflows/item/state.ts";
import { trackedMachine } from "#workflows/item/replicate-request.ts";
import { faultOf } from "#workflows/failure.ts";
import { activate, activated, announceFailover } from "#workflows/job/activate.ts";
import { bringBack } from "#workflows/job/bring-back.ts";
import type { Steps } from "#workflows/job/job.ts";
import { oldPrimaryFence } from "#workflows/item/old-primary.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { sendLastChanges } from "#workflows/job/planned-steps.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { newest, targetPoint } from "#workflows/job/target-point.ts";
import { withPoint } from "#workflows/job/with-point.ts";
import { atSiteWithin } from "#workflows/sites.ts";

/** The site that is left gets this long to shut its machine down, when that is asked for; then the failover goes on without it. */
const shutDownSeconds = 20;
/** Its last changes are waited for no longer: whoever orders this does not want to wait. */
const lastDeltaSeconds = 60;
/** However long it took to find it. */
const shortestSeconds = 8;

/**
 * Brings the machine up at the other site from a recovery point, whatever has become of the site it ran at: nothing here waits for that one.
 * The old primary is fenced when its site is back. Cancelled or failed before its end, what has been activated at the target is taken back, and a machine that was
 * shut down for it is turned on again.
 */
export async function UnplannedFailover(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "UnplannedFailover",
    input,
    async run(job) {
      const selector = job.input.point ?? { kind: "latest" };
      let chosen = await job.task("Prerequisites check for failover", () => targetPoint(job, selector));
      if (job.input.shutDownSource === true) {
        chosen = await job.task("Shut down the virtual machine", async () => {
          const isOff = await tryShutDown(job);
          // Jobs that began before this was known bring up what had been sent until then.
          const sent =
            isOff && selector.kind === "latest" && patched("unplanned-last-delta") && (await trySendLast(job));
          return sent ? await targetPoint(job, selector) : chosen;
        });
      } else {
        job.skip("Shut down the virtual machine", "not asked for");
      }
      const at = { id: chosen.id, takenAt: chosen.takenAt };
      await job.task("Preparing for failover", () =>
        announceFailover(job, { kind: "unplanned", point: at, sourceContent: null }),
      );
      job.skip("Start failover", "its point is sealed at the target already");
      const { point, value: activation } = await job.task("Start the replica virtual machine", () =>
        withPoint({ chosen, ...newest(job, selector) }, (from) => activateFrom(job, from)),
      );
      return {
        patch: { ...activated(job.item, activation), fence: oldPrimaryFence(job.item) },
        result: { point: point.id, pointTakenAt: point.takenAt, machineName: activation.machineName },
      };
    },
  });
}

/** The item knows which point the machine was started from before the machine runs. */
async function activateFrom(job: Steps, { id, takenAt }: ListedPoint): Promise<Activation> {
  const failover = pendingFailover(job.item);
  if (failover.point.id !== id) await job.record({ failover: { ...failover, point: { id, takenAt } } });
  return await activate(job);
}

/** A machine that could be shut down has nothing to lose: what it wrote until then goes with it, if that can be had soon. Answers whether it was. */
async function trySendLast(job: Steps): Promise<boolean> {
  const { site } = sourceOf(job.item);
  try {
    await CancellationScope.withTimeout(lastDeltaSeconds * 1_000, () => sendLastChanges(job, { attempts: 1 }));
    return true;
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    const why = isCancellation(error) ? `It took longer than ${lastDeltaSeconds} s.` : faultOf(error).message;
    job.note("its last changes could not be sent");
    job.inform(`The machine at site ${site} is off, and its last changes could not be sent: ${why} They are lost.`);
    return false;
  }
}

/** Answers whether it is off. */
async function tryShutDown(job: Steps): Promise<boolean> {
  const { site, host } = sourceOf(job.item);
  const { machine } = trackedMachine(job.item);
  const turnedOff = { side: sourceSide(job.item), machine };
  const begun = Date.parse(now());
  // Jobs that began before this was known ask it to shut down without a look, and turn it on when they fail.
  if (patched("unplanned-looks-first")) {
    try {
      const { running } = await atSiteWithin(site, shutDownSeconds).findMachine({ host, nameOrId: machine });
      if (!running) {
        job.note("it is off already");
        return true;
      }
    } catch (error) {
      if (isCancellation(error)) throw error;
      notShutDown(job, error);
      return false;
    }
  }
  const leftSeconds = Math.max(shortestSeconds, shutDownSeconds - Math.ceil((Date.parse(now()) - begun) / 1_000));
  // Jobs that began before this was known leave the machine off when they fail.
  const undone = patched("unplanned-brings-back");
  if (undone) await job.record({}, turnedOff);
  try {
    const request = { host, machine, graceSeconds: leftSeconds - 5, force: true };
    await atSiteWithin(site, leftSeconds).shutDownMachine(request);
    if (undone) bringBack(job, turnedOff).isOff();
    return true;
  } catch (error) {
    // It may have been asked to, and may do so yet.
    if (undone) job.onFailure("look after the machine at the source", () => lookAfter(job, turnedOff));
    notShutDown(job, error);
    return false;
  }
}

function notShutDown(job: Steps, error: unknown): void {
  const { site } = sourceOf(job.item);
  job.note("it could not be shut down");
  job.inform(
    `The machine at site ${site} could not be shut down: ${faultOf(error).message} It is fenced when the site is back.`,
  );
}

async function lookAfter(job: Steps, turnedOff: TurnedOff): Promise<void> {
  if (job.facts.ownershipMoved !== true) await job.record(keptOnFrom(job.item, turnedOff));
}
