import { Fault } from "#domain/fault.ts";
import type { JobInput, JobResult } from "#domain/job.ts";
import { faultOf } from "#workflows/failure.ts";
import { sourceOf, targetOf, targetSide, withSide } from "#workflows/item/ends.ts";
import type { Side } from "#workflows/item/state.ts";
import { targetReplica } from "#workflows/item/replicate-request.ts";
import type { Steps } from "#workflows/job/job.ts";
import { oldPrimaryFenced } from "#workflows/item/old-primary.ts";
import { pendingFailover } from "#workflows/job/pending-failover.ts";
import { runJob } from "#workflows/job/run-job.ts";
import { atSite } from "#workflows/sites.ts";

/** Makes a failover final: every other recovery point goes. Cancelling undoes nothing: the failover goes on waiting for its commit. */
export async function Commit(input: JobInput): Promise<JobResult> {
  return await runJob({
    operation: "Commit",
    input,
    async run(job) {
      const { failover, machine } = await job.task("Prerequisites check", async () => ({
        failover: pendingFailover(job.item),
        machine: targetOf(job.item).machine ?? (await findActivated(job)),
      }));
      const { site, host } = targetOf(job.item);
      const replica = targetReplica(job.item);
      const { id: cut, takenAt } = await job.task("Commit", async () => {
        await atSite(site).commitFailover({ host, replica, failover: failover.id });
        if (failover.changingTo === undefined) return failover.point;
        // A change of its point failed, and may have been made nevertheless: the one that is left is the one it runs from.
        return (await atSite(site).listPoints({ host, replica })).at(-1) ?? failover.point;
      });
      return {
        patch: {
          ...oldPrimaryFenced(job.item),
          sides: withSide(job.item, targetSide(job.item), { machine }),
          // The only one that is left.
          lastSealed: { cut, takenAt },
        },
        result: { point: cut, pointTakenAt: takenAt },
      };
    },
  });
}

/** The machine of a failover that failed and could not be taken back. Rejects with `MACHINE_NOT_FOUND`: nothing is made final that is not there. */
async function findActivated({ item }: Steps): Promise<NonNullable<Side["machine"]>> {
  const { site, host } = targetOf(item);
  const name = sourceOf(item).machine?.name ?? item.configuration.machine;
  try {
    const { id } = await atSite(site).findMachine({ host, nameOrId: name });
    return { id, name };
  } catch (error) {
    if (faultOf(error).code !== "MACHINE_NOT_FOUND") throw error;
    throw new Fault(
      "MACHINE_NOT_FOUND",
      `The failover of item ${item.item} failed, and there is no machine ${name} on host ${host} at site ${site}: nothing is there to be made final. Change the recovery point, which starts it, or cancel the failover.`,
    );
  }
}
