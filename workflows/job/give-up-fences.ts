import { isCancellation, patched } from "@temporalio/workflow";
import type { FaultCode } from "#domain/fault-codes.ts";
import { faultOf } from "#workflows/failure.ts";
import { pendingFences } from "#workflows/item/earlier-fences.ts";
import type { ItemPatch, PendingFence } from "#workflows/item/state.ts";
import type { Steps } from "#workflows/job/job.ts";
import { atSitePatiently } from "#workflows/sites.ts";

type Asking = Pick<Steps, "item" | "input" | "inform">;

/** So long an old primary's site may be silent until it is taken for gone. */
const patienceSeconds = 60;

/** What nobody who is there answers. A host that refuses, or fails, may yet start the machine: its fence is kept. */
const silence: readonly FaultCode[] = ["WORKER_UNAVAILABLE", "HOST_UNREACHABLE"];

/**
 * Disabling with force ends the wait for old primaries that have yet to be fenced, where nobody answers for as long as a site is waited for: it may be gone for good.
 * Each that is given up is said. Where somebody answers it is fenced, or goes on being tried.
 */
export async function giveUpFences(job: Asking, { own = true }: { readonly own?: boolean } = {}): Promise<ItemPatch> {
  const { input, item } = job;
  const { earlierFences = [] } = item;
  const fence = own ? item.fence : null;
  // Jobs that began before this was known leave every fence to be done.
  if (input.force !== true || pendingFences({ fence, earlierFences }).length === 0 || !patched("gives-up-fences"))
    return {};
  const isLeft = async (fence: PendingFence): Promise<boolean> => !(await isSettled(job, fence));
  const [present, ...earlier] = await Promise.all([
    fence !== null && isLeft(fence),
    ...earlierFences.map(async (each) => ((await isLeft(each)) ? [each] : [])),
  ]);
  return { ...(own ? { fence: present ? fence : null } : {}), earlierFences: earlier.flat() };
}

/** Fenced now, not there any more, or given up. */
async function isSettled({ item, inform }: Asking, fence: PendingFence): Promise<boolean> {
  const { site, host, machine, epoch } = fence;
  try {
    await atSitePatiently(site, patienceSeconds).fenceMachine({ host, item: item.item, machine, epoch });
    return true;
  } catch (error) {
    if (isCancellation(error)) throw error;
    const { code, message } = faultOf(error);
    if (code === "MACHINE_NOT_FOUND") return true;
    if (!silence.includes(code)) {
      inform(`The previous primary at site ${site} has not been fenced yet, and goes on being tried: ${message}`);
      return false;
    }
    inform(
      `The previous primary at site ${site} has never been fenced and is given up: ${message} Should host ${host} come back, it may serve there beside the machine that has taken its place: keep it off.`,
    );
    return true;
  }
}
