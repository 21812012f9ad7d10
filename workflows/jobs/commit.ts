import type { JobInput, JobResult } from "#domain/job.ts";
import { targetOf } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite } from "#workflows/sites.ts";

/** Makes a failover final: every other recovery point goes. Cancelling undoes nothing: the failover goes on waiting for its commit. */
export async function Commit(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "Commit",
    input,
    async run(job) {
      const failover = await job.task("Prerequisites check", async () => pendingFailover(job.item));
      const { site, host } = targetOf(job.item);
      await job.task("Commit", () =>
        atSite(site).commitFailover({ host, replica: targetReplica(job.item), failover: failover.id }),
      );
      const { id: cut, takenAt } = failover.point;
      return {
        // The only one that is left.
        patch: { lastSealed: { cut, takenAt } },
        result: { point: failover.point.id, pointTakenAt: failover.point.takenAt },
      };
    },
  });
}
