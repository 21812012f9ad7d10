import type { JobInput, JobResult } from "#domain/job.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import { sealedBy } from "#workflows/item/sealed.ts";
import { targetReplica, trackedMachine } from "#workflows/item/replicate-request.ts";
import { bringToDate } from "#workflows/job/bring-to-date.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { newestOf } from "#workflows/job/target-point.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Compares the replica with the machine by checksums and sends what differs; the older recovery points stay usable meanwhile.
 * Cancelled, it goes on where it was when it is ordered again.
 */
export async function RepairReplication(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "RepairReplication",
    input,
    async run(job) {
      const [source, target] = [sourceOf(job.item), targetOf(job.item)];
      await job.task("Prerequisites check for resynchronization", () =>
        prerequisites(job, {
          [`source site ${source.site}`]: () =>
            atSite(source.site).checkSource({ host: source.host, tracked: trackedMachine(job.item) }),
          [`target site ${target.site}`]: async () => {
            const points = await atSite(target.site).listPoints({
              host: target.host,
              replica: targetReplica(job.item),
            });
            job.saw(newestOf(points));
            return [{ name: "replica", passed: true, detail: `${points.length} recovery points.` }];
          },
        }),
      );
      const report = await job.task("Compare and send changed blocks", () =>
        bringToDate(job, () => job.item, "resynchronize"),
      );
      const { lastSealed } = report;
      await job.task("Updating provider states", async () =>
        job.note(lastSealed === undefined ? "no new point" : `point ${lastSealed.cut} of ${lastSealed.takenAt}`),
      );
      return {
        patch: sealedBy(report),
        result: { bytesSent: report.bytesSent },
      };
    },
  });
}
