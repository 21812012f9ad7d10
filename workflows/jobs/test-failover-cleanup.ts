import { Fault } from "#domain/fault.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { now } from "#workflows/clock.ts";
import { targetOf } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite } from "#workflows/sites.ts";

/** Takes the test machine away; only now the test counts as successful. Cancelling undoes nothing: it can be ordered again. */
export async function TestFailoverCleanup(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "TestFailoverCleanup",
    input,
    async run(job) {
      const { item } = job;
      const { site, host } = targetOf(item);
      const test = await job.task("Prerequisites check for test failover cleanup", async () => {
        if (item.testMachine !== null) return item.testMachine;
        throw new Fault("FAILOVER_NOT_FOUND", `Item ${item.item} has no test machine to clean up.`);
      });
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
