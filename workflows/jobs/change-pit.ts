import { nextEpoch } from "#domain/epoch.ts";
import type { SiteName } from "#domain/ids.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import type { Activation } from "#platforms/platform.ts";
import { targetOf } from "#workflows/item/ends.ts";
import { activated } from "#workflows/job/activate.ts";
import { faultOf } from "#workflows/failure.ts";
import { failoverRequest } from "#workflows/job/failover-request.ts";
import { oldPrimaryFenced } from "#workflows/item/old-primary.ts";
import type { PendingFailover } from "#workflows/item/state.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { targetPoint } from "#workflows/job/target-point.ts";
import { atSite, type SiteActivities } from "#workflows/sites.ts";

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
      const at = { id: point.id, takenAt: point.takenAt };
      await job.record({ epoch: nextEpoch(job.item.epoch), failover: { ...failover, changingTo: at } });
      const { site, host } = targetOf(job.item);
      job.skip("Shut down the replica virtual machine", "done with the next");
      const activation = await job.task("Apply the recovery point", () => {
        const { id, kind } = failover;
        return startFrom(site, { host, failover: failoverRequest(job.item, { failover: id, kind, point: point.id }) });
      });
      for (const warning of activation.warnings ?? []) job.inform(warning);
      await job.task("Start the replica virtual machine", async () => job.note(`${activation.machineName} runs`));
      return {
        patch: { ...activated(job.item, activation), ...oldPrimaryFenced(job.item), failover: changed(failover, at) },
        result: { point: point.id, pointTakenAt: point.takenAt, machineName: activation.machineName },
      };
    },
  });
}

const changed = ({ changingTo: _done, ...failover }: PendingFailover, point: PendingFailover["point"]) => ({
  ...failover,
  point,
});

/** A failover that failed before the target had heard of it, and could not be taken back then, is begun there now. */
async function startFrom(site: SiteName, request: Parameters<SiteActivities["changePoint"]>[0]): Promise<Activation> {
  try {
    return await atSite(site).changePoint(request);
  } catch (error) {
    if (faultOf(error).code !== "FAILOVER_NOT_FOUND") throw error;
    return await atSite(site).failOver(request);
  }
}
