import type { JobInput, JobResult } from "#domain/job.ts";
import { runJob } from "#workflows/job/run-job.ts";

/** Ends the cycle that runs and begins no other; recovery points stay usable, changes stay tracked. Cancelling has nothing to undo. */
export async function PauseReplication(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "PauseReplication",
    input,
    async run(job) {
      // The item has let its cycle end before it granted this job.
      await job.task("Pause replication", async () => job.note("the running cycle has ended"));
      return {};
    },
  });
}
