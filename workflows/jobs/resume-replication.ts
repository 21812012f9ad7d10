import type { JobInput, JobResult } from "#domain/job.ts";
import { runJob } from "#workflows/job/run-job.ts";

/** Goes on replicating with what has changed since it was paused. Cancelling has nothing to undo. */
export async function ResumeReplication(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "ResumeReplication",
    input,
    async run(job) {
      await job.task("Resume replication", async () => job.note("from the last sealed cut on"));
      return {};
    },
  });
}
