import { patched } from "@temporalio/workflow";
import { Fault } from "#domain/fault.ts";
import type { Check } from "#domain/check.ts";
import { now } from "#workflows/clock.ts";
import { sourceOf, sourceSide, targetOf } from "#workflows/item/ends.ts";
import { targetReplica, trackedMachine } from "#workflows/item/replicate-request.ts";
import type { PendingFailover } from "#workflows/item/state.ts";
import { turnOnAgain } from "#workflows/item/undo-failover.ts";
import { bringBack } from "#workflows/job/bring-back.ts";
import { networksOf } from "#workflows/job/failover-request.ts";
import { isReplicaFresh } from "#workflows/job/fresh-replica.ts";
import type { Steps } from "#workflows/job/job.ts";
import { mappedNetworks } from "#workflows/job/network-checks.ts";
import { newestOf } from "#workflows/job/target-point.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { replicateInJob } from "#workflows/job/replicate.ts";
import { atSite } from "#workflows/sites.ts";

/** What a planned failover and a failback do in common, before the target is asked. */

/** Both sides are there, the replica has a point, and the networks that the machine will be connected to exist. */
export async function checkPlanned(job: Steps): Promise<void> {
  const [source, target] = [sourceOf(job.item), targetOf(job.item)];
  await prerequisites(job, {
    [`source site ${source.site}`]: async () => {
      const { name, running } = await atSite(source.site).findMachine({
        host: source.host,
        nameOrId: trackedMachine(job.item).machine,
      });
      return [{ name: "machine", passed: true, detail: `${name} is ${running ? "running" : "off"}.` }];
    },
    [`target site ${target.site}`]: async () => {
      const asked = { host: target.host, replica: targetReplica(job.item) };
      const points = await atSite(target.site).listPoints(asked);
      job.saw(newestOf(points));
      const networks = await atSite(target.site).listNetworks({ host: target.host });
      return [hasPoint(points.length), ...mappedNetworks(Object.values(networksOf(job.item)), networks)];
    },
  });
}

const hasPoint = (count: number): Check =>
  count > 0
    ? { name: "recovery points", passed: true, detail: `${count} there.` }
    : {
        name: "recovery points",
        passed: false,
        code: "POINT_NOT_FOUND",
        detail: "There is none.",
        action: "Wait until the initial replication is done.",
      };

/**
 * The source writes no more after this. While it still runs, one more delta is sent unless the newest point is seconds old, so that little is left for its downtime. When the job does not come to its
 * end the machine is as it was before: turned on again, unless it may run at the target, and looked after while the guest may still do what it was asked to.
 */
export async function shutDownSource(job: Steps): Promise<void> {
  const { site, host } = sourceOf(job.item);
  const { machine } = trackedMachine(job.item);
  const { running } = await atSite(site).findMachine({ host, nameOrId: machine });
  if (!running) {
    job.note("it is off already");
    const wasOff = { side: sourceSide(job.item), machine, wasOff: true } as const;
    await job.record({}, wasOff);
    return job.onFailure("lift the fence at the source", async () => {
      // It may run at the target: the fence stays.
      if (job.facts.ownershipMoved !== true) await turnOnAgain(job.item, wasOff);
    });
  }

  // Jobs that began before this was known send them always.
  if (!patched("fresh-replica") || !isReplicaFresh(job.item, now())) {
    job.note("sending the newest changes while it still runs");
    const { lastSealed } = await replicateInJob(job, () => job.item, {
      mode: "run",
      returnAfterSeconds: 0,
      attempts: 3,
    });
    job.saw(lastSealed);
  }

  job.note(`shutting it down, for ${job.item.configuration.shutdownGraceSeconds} s at most`);
  const turnedOff = { side: sourceSide(job.item), machine };
  await job.record({}, turnedOff);
  const { isOff } = bringBack(job, turnedOff);
  const graceSeconds = job.item.configuration.shutdownGraceSeconds;
  const { forced } = await atSite(site).shutDownMachine({
    host,
    machine,
    graceSeconds,
    force: job.input.force ?? false,
  });
  isOff();
  job.note(forced ? "turned off" : "shut down");
  if (forced) job.inform(`The guest did not shut down within ${graceSeconds} s and was turned off.`);
}

/** The last cut, of a machine that is off: a failover to it loses nothing. */
export async function sendLastChanges(job: Steps, { attempts } = { attempts: 4 }): Promise<PendingFailover["point"]> {
  const last = { mode: "final", returnAfterSeconds: 0, attempts } as const;
  const { lastSealed, warnings } = await replicateInJob(job, () => job.item, last);
  if (lastSealed === undefined) {
    throw new Fault("INTERNAL", "The last changes were sent, but the replica named no recovery point for them.");
  }
  for (const { message } of warnings) job.inform(message);
  await job.record({ lastSealed: { cut: lastSealed.cut, takenAt: lastSealed.takenAt } });
  job.note(`point ${lastSealed.cut} of ${lastSealed.takenAt}`);
  return { id: lastSealed.cut, takenAt: lastSealed.takenAt };
}

/** The machine that was shut down is not started by its host, or by mistake, while the other one serves. Turning it on again (to undo or cancel) lifts this. Rejects with `MACHINE_RUNNING` when it had been started again. */
export async function fenceSource(job: Steps): Promise<void> {
  const { site, host } = sourceOf(job.item);
  const { item, machine } = trackedMachine(job.item);
  const { wasRunning } = await atSite(site).fenceMachine({ host, item, machine, epoch: job.item.epoch });
  if (wasRunning) {
    throw new Fault(
      "MACHINE_RUNNING",
      `The machine of item ${item} had been started again at site ${site} after its last changes were sent: what it wrote since would be lost. The failover is taken back.`,
    );
  }
}
