import { uuid4 } from "@temporalio/workflow";
import { failoverId } from "#domain/ids.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { targetOf } from "#workflows/item/ends.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import { failoverRequest } from "#workflows/job/failover-request.ts";
import type { Steps } from "#workflows/job/job.ts";
import { mappedNetworks } from "#workflows/job/network-checks.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { newest, targetPoint } from "#workflows/job/target-point.ts";
import { withPoint } from "#workflows/job/with-point.ts";
import { atSite } from "#workflows/sites.ts";

/**
 * Boots a copy of the machine from a recovery point, in an isolated network unless one is named; replication goes on meanwhile.
 * Cancelled or failed, the test machine and its layer are gone.
 */
export async function TestFailover(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "TestFailover",
    input,
    async run(job) {
      const { site, host } = targetOf(job.item);
      const { network, point: selector = { kind: "latest-processed" } } = job.input;
      const chosen = await job.task("Prerequisites check for test failover", async () => {
        await prerequisites(job, {
          [`target site ${site}`]: async () =>
            network === undefined ? [] : mappedNetworks([network], await atSite(site).listNetworks({ host })),
        });
        return await targetPoint(job, selector);
      });

      const failover = failoverRequest(job.item, {
        failover: failoverId(`${job.item.item}-test-${uuid4().slice(0, 8)}`),
        kind: "test",
        point: chosen.id,
        ...(network === undefined ? {} : { network }),
      });
      await job.task("Starting test failover", async () => {
        await job.record({ testMachine: { failover: failover.failover, machineName: failover.machineName } });
        job.onFailure("delete the test machine", () => deleteTestMachine(job));
      });
      const { point, value: activation } = await job.task("Creating test virtual machine", () =>
        withPoint({ chosen, ...newest(job, selector) }, ({ id }) =>
          atSite(site).failOver({ host, failover: { ...failover, point: id } }),
        ),
      );
      for (const warning of activation.warnings ?? []) job.inform(warning);
      if (network !== undefined) {
        job.inform(
          `${activation.machineName} hangs on network ${network} with the addresses of the machine that it is a copy of: where that one is reached from there, two answer to them. Clean up as soon as the test is done.`,
        );
      }
      await job.task("Start the virtual machine", async () => job.note(`${activation.machineName} runs`));
      return { result: { point: point.id, pointTakenAt: point.takenAt, machineName: activation.machineName } };
    },
  });
}

async function deleteTestMachine(job: Steps): Promise<void> {
  const { testMachine, epoch } = job.item;
  if (testMachine === null) return;
  const { site, host } = targetOf(job.item);
  try {
    const request = { host, replica: targetReplica(job.item), failover: testMachine.failover, epoch };
    await atSite(site).discardFailover(request);
  } catch (error) {
    job.state({ testMachineLeft: true });
    throw error;
  }
  await job.record({ testMachine: null });
}
