import { CancellationScope, isCancellation, patched, sleep } from "@temporalio/workflow";
import type { HealthError } from "#domain/item-view.ts";
import type { JobFault } from "#domain/job.ts";
import { faultOf } from "#workflows/failure.ts";
import type { Courier } from "#workflows/item/courier.ts";
import { isSamePlace, withEarlierFences, workableFences } from "#workflows/item/earlier-fences.ts";
import { withoutSourceContent } from "#workflows/item/old-primary.ts";
import { withHealth, withoutHealth } from "#workflows/item/health.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import type { ItemState, PendingFence } from "#workflows/item/state.ts";
import { guardAt, whenSiteIsBack } from "#workflows/sites.ts";

/** One stay of the guard at the host: long, so that a machine that waits months for its way back leaves no long history. */
const guardSeconds = 3_600;
/** When the host answers, but not as it should. */
const againSeconds = 60;

/**
 * Sees to it that an old primary does not serve again. Its site may be dead now: the step lies in that site's queue and is the first thing its worker does when
 * it is back, again and again until the host answers. From then on the machine is looked after until it has become the replica: whoever starts it by hand sees it
 * turned off. Those that earlier protections have left are fenced beside it, and then left to their owner.
 */
export interface Fencing {
  reconcile(): void;
}

export function fencingOf(item: ItemHolder, courier: Pick<Courier, "tellRan">): Fencing {
  const current = new Map<string, CancellationScope>();

  async function fence(pending: PendingFence): Promise<void> {
    const { wasRunning } = await whenSiteIsBack(pending.site).fenceMachine(orderOf(pending));
    item.update((state) => {
      if (isEarlier(state, pending)) {
        const settled = withoutEarlier(reached(state), pending);
        return wasRunning ? warned(settled, pending, "was running") : settled;
      }
      const settled = { ...withoutHealth(reached(state), ["STALE_EPOCH"]), fence: null, guarded: pending };
      return wasRunning ? turnedOff(settled, pending, "was running") : settled;
    });
  }

  async function guard(guarded: PendingFence): Promise<void> {
    const { absent, ...present } = guarded;
    const order = { ...orderOf(guarded), forSeconds: guardSeconds, ...(absent === true ? { unfenced: true } : {}) };
    const { wasRunning } = await guardAt(guarded.site).guardMachine(order);
    item.update((state) =>
      wasRunning
        ? { ...turnedOff(reached(state), guarded, "had been started again"), guarded: present }
        : reached(state),
    );
    const job = item.state.activeJob;
    // What it was granted with is true no more.
    if (wasRunning && job?.granted === true && job.operation === "ReverseReplicate" && patched("tells-ran"))
      courier.tellRan(job);
  }

  async function work({ task, of }: Work): Promise<void> {
    try {
      await (task === "fence" ? fence(of) : guard(of));
    } catch (error) {
      if (isCancellation(error)) return;
      const fault = faultOf(error);
      // There is nothing that could serve, until it is made again: a machine without a definition of its own is gone whenever it is off.
      if (fault.code === "MACHINE_NOT_FOUND" && task === "fence") {
        item.update((state) =>
          isEarlier(state, of)
            ? withoutEarlier(reached(state), of)
            : { ...reached(state), fence: null, guarded: { ...of, absent: true } },
        );
        return;
      }
      item.update((state) => notReached(state, fault));
      await sleep(againSeconds * 1_000);
    }
  }

  const orderOf = ({ host, machine, epoch }: PendingFence) => ({ host, item: item.state.item, machine, epoch });

  function begin(wanted: Work, key: string): void {
    const scope = new CancellationScope();
    current.set(key, scope);
    const ended = (): void => {
      if (current.get(key) === scope) current.delete(key);
      item.touch();
    };
    scope.run(() => work(wanted)).then(ended, ended);
  }

  return {
    reconcile() {
      const sorted = withEarlierFences(item.state);
      // Items that began before they were kept apart go on as they did for as long as their history is.
      if (sorted !== item.state && patched("earlier-fences")) item.update(() => sorted);
      const wanted = new Map(wantedOf(item.state).map((each) => [JSON.stringify(each), each]));
      for (const [key, scope] of current) {
        if (wanted.has(key)) continue;
        current.delete(key);
        scope.cancel();
      }
      for (const [key, each] of wanted) if (!current.has(key)) begin(each, key);
    },
  };
}

const turnedOff = (state: ItemState, at: PendingFence, how: string): ItemState =>
  warned(withoutSourceContent(state), at, how);

const warned = (state: ItemState, { site }: PendingFence, how: string): ItemState =>
  withHealth(
    state,
    {
      code: "STALE_EPOCH",
      message: `The old primary at site ${site} ${how}; it has been turned off. What it wrote after the failover is on its disks only.`,
    },
    { severity: "Warning", action: "Save what it wrote since, if it matters, before replication is reversed." },
  );

const isEarlier = ({ fence, earlierFences = [] }: ItemState, pending: PendingFence): boolean =>
  !isSamePlace(pending, fence) && earlierFences.some((each) => isSamePlace(each, pending));

const withoutEarlier = (state: ItemState, done: PendingFence): ItemState => ({
  ...state,
  earlierFences: (state.earlierFences ?? []).filter((each) => !isSamePlace(each, done)),
});

const action = "Make sure that the old primary is off; it is tried again every minute.";

/** The host of the old primary does not do what it is asked. */
export const notReached = (state: ItemState, fault: JobFault): ItemState =>
  withHealth(reached(state), fault, { severity: "Warning", category: "FabricInfrastructure", action });

/** It does again: what was said of that is over. */
export const reached = (state: ItemState): ItemState => ({
  ...state,
  health: state.health.filter((error) => error.action !== action),
});

/** Whether it tells of an old primary, which a failover does not make good. */
export const isOfOldPrimary = (error: HealthError): boolean => error.code === "STALE_EPOCH" || error.action === action;

/** The same fence is the same work, whether it is the item's own or has come to be an earlier protection's meanwhile. */
interface Work {
  readonly task: "fence" | "guard";
  readonly of: PendingFence;
}

function wantedOf(state: ItemState): readonly Work[] {
  const earlier = workableFences(state).map((of): Work => ({ task: "fence", of }));
  const own = ownWork(state);
  return own === undefined ? earlier : [own, ...earlier];
}

/** A machine that is not protected any more is its owner's to start, once it has been stopped. */
function ownWork({ fence, guarded, lifecycle }: ItemState): Work | undefined {
  if (fence !== null) return { task: "fence", of: fence };
  return guarded === null || (lifecycle.before ?? lifecycle.state) === "unprotected"
    ? undefined
    : { task: "guard", of: guarded };
}
