import { nextEpoch } from "#domain/epoch.ts";
import { Fault } from "#domain/fault.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { isCancellation } from "@temporalio/workflow";
import type { MachineId } from "#domain/ids.ts";
import { faultOf } from "#workflows/failure.ts";
import { keptOnFrom } from "#workflows/item/keeping-on.ts";
import type { Side } from "#workflows/item/state.ts";
import { sourceOf, sourceSide, targetOf, targetSide, withSide } from "#workflows/item/ends.ts";
import { trackedMachine } from "#workflows/item/replicate-request.ts";
import { discardFailover } from "#workflows/item/undo-failover.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Takes a planned failover back before its commit, or one of either kind that failed and could not be taken back then: the machine at the target goes, with what it wrote, and the one at the source is turned on again.
 * Cancelling this job undoes nothing that has begun; it can be ordered again. Once the target has let go the item is protected, also when the machine at the source
 * cannot be started: then it can be failed over again.
 */
export async function CancelFailover(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "CancelFailover",
    input,
    async run(job) {
      const source = sourceOf(job.item);
      const { machine } = trackedMachine(job.item);
      await job.task("Prerequisites check for cancelling the failover", async () => {
        const { kind } = pendingFailover(job.item);
        if (kind !== "planned" && job.item.lifecycle.unconfirmed !== true)
          throw new Fault(
            "OPERATION_NOT_ALLOWED",
            "Only a planned failover can be cancelled, or one that failed and could not be taken back.",
          );
        await prerequisites(job, {
          [`source site ${source.site}`]: async () => {
            const { name } = await atSite(source.site).findMachine({ host: source.host, nameOrId: machine });
            return [{ name: "machine", passed: true, detail: `${name} is there.` }];
          },
        });
      });
      await job.task("Delete the replica virtual machine", async () => {
        await job.record({ epoch: nextEpoch(job.item.epoch) });
        await discardFailover(job.item, job.item.epoch);
        // One that is yet to be done must not come after the start.
        const { fence, guarded } = job.item;
        if (fence !== null || guarded?.absent === true) await job.record({ fence: null, guarded: null });
        const sides = withSide(job.item, targetSide(job.item), { machine: null });
        const side = sourceSide(job.item);
        const undone = { failover: null, fence: null, guarded: null, sides };
        // Until it has been started: the item goes on trying for a while.
        job.state({ failoverUndone: true }, { ...undone, ...keptOnFrom(job.item, { side, machine }) });
      });
      await job.task("Start the virtual machine", () => start(source, machine));
      await job.task("Resume replication", async () =>
        job.note(`from site ${source.site} to ${targetOf(job.item).site}`),
      );
      return { patch: { keptOn: null }, result: { machineName: source.machine?.name ?? "" } };
    },
  });
}

async function start({ site, host }: Side, machine: MachineId): Promise<void> {
  try {
    await atSite(site).powerOnMachine({ host, machine });
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { code, message } = faultOf(error);
    throw new Fault(
      code,
      `${message} The failover has been taken back and its machine is gone: the item is protected again, from site ${site}. Start the machine there when that is mended (for ten minutes it is tried again), or fail over again.`,
    );
  }
}
