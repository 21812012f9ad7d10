import { nextEpoch } from "#domain/epoch.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { targetOf } from "#workflows/item/ends.ts";
import { activated } from "#workflows/job/activate.ts";
import { failoverRequest } from "#workflows/job/failover-request.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { targetPoint } from "#workflows/job/target-point.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Boots the uncommitted machine from another recovery point; what it wrote since the failover is thrown away.
 * Cancelling undoes nothing that has begun: the failover still waits for its commit, and the point can be changed again.
 */
export async function ChangePit(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "ChangePit",
    input,
    async run(job) {
      const { point, failover } = await job.task("Prerequisites check for changing the recovery point", async () => ({
        failover: pendingFailover(job.item),
        point: await targetPoint(job, job.input.point ?? { kind: "latest" }),
      }));
      await job.record({
        epoch: nextEpoch(job.item.epoch),
        failover: { ...failover, point: { id: point.id, takenAt: point.takenAt } },
      });
      const { site, host } = targetOf(job.item);
      job.skip("Shut down the replica virtual machine", "done with the next");
      const activation = await job.task("Apply the recovery point", () =>
        atSite(site).changePoint({
          host,
          failover: failoverRequest(job.item, { failover: failover.id, kind: failover.kind, point: point.id }),
        }),
      );
      for (const warning of activation.warnings ?? []) job.inform(warning);
      await job.task("Start the replica virtual machine", async () => job.note(`${activation.machineName} runs`));
      return {
        patch: activated(job.item, activation),
        result: { point: point.id, pointTakenAt: point.takenAt, machineName: activation.machineName },
      };
    },
  });
}
