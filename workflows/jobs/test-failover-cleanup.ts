import type { JobInput, JobResult } from "#domain/job.ts";
import { now } from "#workflows/clock.ts";
import { targetOf } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite } from "#workflows/sites.ts";

/** Takes the test machine away; only now the test counts as successful. A test that was interrupted before it had made one is over with this, too. Cancelling undoes nothing: it can be ordered again. */
export async function TestFailoverCleanup(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "TestFailoverCleanup",
    input,
    async run(job) {
      const { item } = job;
      const { site, host } = targetOf(item);
      const test = await job.task("Prerequisites check for test failover cleanup", async () => item.testMachine);
      if (test === null) {
        job.skip("Delete the test virtual machine", "the test had not come to making one");
        return {};
      }
      await job.task("Delete the test virtual machine", () =>
        atSite(site).discardFailover({
          host,
          replica: targetReplica(item),
          failover: test.failover,
          epoch: item.epoch,
        }),
      );
      return {
        patch: { testMachine: null, lastSuccessfulTestFailover: now() },
        result: { machineName: test.machineName },
      };
    },
  });
}
