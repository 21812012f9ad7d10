import { isCancellation, setHandler } from "@temporalio/workflow";
import { finalizeScenario } from "#domain/job-scenarios.ts";
import { Fault } from "#domain/fault.ts";
import type { JobResult } from "#domain/job.ts";
import { failWith, faultOf } from "#workflows/failure.ts";
import { sourceOf, targetOf } from "#workflows/item/ends.ts";
import { targetReplica, trackedMachine } from "#workflows/item/replicate-request.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { networksOf } from "#workflows/job/failover-request.ts";
import { type JobLedger, jobLedger } from "#workflows/job/ledger.ts";
import { mappedNetworks } from "#workflows/job/network-checks.ts";
import { prerequisites } from "#workflows/job/prerequisites.ts";
import { jobView } from "#workflows/messages.ts";
import { atSite } from "#workflows/sites.ts";

const [atPrimary, atRecovery] = finalizeScenario.tasks;

/**
 * Comes after the initial replication, without being asked for: makes sure that what was copied can be failed over to. The item starts it and shows in its health what
 * it found; it holds nothing up and changes nothing, so cancelling it undoes nothing.
 */
export async function FinalizeProtection(item: ItemState): Promise<JobResult> {
  const ledger = jobLedger("EnableProtection", { item: item.item, requestedBy: "understudy" }, finalizeScenario);
  setHandler(jobView, () => ledger.view);
  ledger.place(sourceOf(item).site);
  try {
    await ledger.task(atPrimary, () => finalizePrimary(item, ledger));
    await ledger.task(atRecovery, () => finalizeRecovery(item, ledger));
    ledger.close({ state: "Succeeded" });
    return {};
  } catch (error) {
    const fault = faultOf(error);
    ledger.close({ state: isCancellation(error) ? "Cancelled" : "Failed", fault });
    throw isCancellation(error) ? error : failWith(fault);
  }
}

async function finalizePrimary(item: ItemState, ledger: JobLedger): Promise<void> {
  const { site, host } = sourceOf(item);
  const { disks } = await atSite(site).findMachine({ host, nameOrId: trackedMachine(item).machine });
  const left = disks.filter(({ id }) => !item.disks.includes(id)).map(({ id }) => id);
  ledger.note(left.length === 0 ? "all disks are replicated" : `not replicated: ${left.join(", ")}`);
}

async function finalizeRecovery(item: ItemState, ledger: JobLedger): Promise<void> {
  const { site, host } = targetOf(item);
  const points = await atSite(site).listPoints({ host, replica: targetReplica(item) });
  if (points.length === 0) throw new Fault("POINT_NOT_FOUND", "The initial replication has left no recovery point.");
  const networks = await atSite(site).listNetworks({ host });
  await prerequisites(ledger, {
    [`recovery site ${site}`]: async () => mappedNetworks(Object.values(networksOf(item)), networks),
  });
}
