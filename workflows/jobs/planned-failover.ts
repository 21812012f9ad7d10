import type { JobInput, JobResult } from "#domain/job.ts";
import { oldPrimaryFence } from "#workflows/item/old-primary.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { activated, announceFailover, activate } from "#workflows/job/activate.ts";
import { checkPlanned, fenceSource, sendLastChanges, shutDownSource } from "#workflows/job/planned-steps.ts";

/**
 * Moves a running machine to its other site and loses nothing: it is shut down first, and the last changes are sent when it writes no more.
 * Cancelled or failed before its end, what has been activated at the target is taken back and the machine is turned on again where it was.
 */
export async function PlannedFailover(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "PlannedFailover",
    input,
    async run(job) {
      await job.task("Prerequisites check for planned failover", () => checkPlanned(job));
      await job.task("Shut down the virtual machine", () => shutDownSource(job));
      const point = await job.task("Preparing for failover", () => sendLastChanges(job));
      await job.task("Start failover", async () => {
        await announceFailover(job, { kind: "planned", point, sourceContent: point.id });
        await fenceSource(job);
      });
      const activation = await job.task("Start the replica virtual machine", () => activate(job));
      return {
        patch: { ...activated(job.item, activation), guarded: oldPrimaryFence(job.item) },
        result: { point: point.id, pointTakenAt: point.takenAt, machineName: activation.machineName },
      };
    },
  });
}
