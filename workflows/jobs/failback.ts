import type { JobInput, JobResult } from "#domain/job.ts";
import { oldPrimaryFence } from "#workflows/item/old-primary.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { activated, announceFailover, activate } from "#workflows/job/activate.ts";
import { checkPlanned, fenceSource, sendLastChanges, shutDownSource } from "#workflows/job/planned-steps.ts";

/**
 * Brings the machine home: a planned failover from the secondary site to the primary. It waits for its commit; then replication is reversed once more.
 * Cancelled or failed before its end, what has been activated at the primary is taken back and the machine is turned on again at the secondary.
 */
export async function Failback(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "Failback",
    input,
    async run(job) {
      await job.task("Prerequisites check for failback", () => checkPlanned(job));
      await job.task("Shut down the virtual machine", () => shutDownSource(job));
      const point = await job.task("Preparing for failover", () => sendLastChanges(job));
      await job.task("Start failover", async () => {
        await announceFailover(job, { kind: "planned", point, sourceContent: point.id });
        await fenceSource(job);
      });
      const activation = await job.task("Start the virtual machine at the primary site", () => activate(job));
      return {
        patch: { ...activated(job.item, activation), guarded: oldPrimaryFence(job.item) },
        result: { point: point.id, pointTakenAt: point.takenAt, machineName: activation.machineName },
      };
    },
  });
}
