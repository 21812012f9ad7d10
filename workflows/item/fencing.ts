import { CancellationScope, isCancellation, sleep } from "@temporalio/workflow";
import type { HealthError } from "#domain/item-view.ts";
import type { JobFault } from "#domain/job.ts";
import { faultOf } from "#workflows/failure.ts";
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
 * turned off.
 */
export interface Fencing {
  reconcile(): void;
}

export function fencingOf(item: ItemHolder): Fencing {
  let current: { readonly scope: CancellationScope; readonly key: string } | undefined;

  async function fence(pending: PendingFence): Promise<void> {
    const { wasRunning } = await whenSiteIsBack(pending.site).fenceMachine(orderOf(pending));
    item.update((state) => {
      const settled = { ...withoutHealth(reached(state), ["STALE_EPOCH"]), fence: null, guarded: pending };
      return wasRunning ? turnedOff(settled, pending, "had come back and was running") : settled;
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
  }

  async function work({ fence: pending, guarded }: Wanted): Promise<void> {
    try {
      if (pending !== null) await fence(pending);
      else if (guarded !== null) await guard(guarded);
    } catch (error) {
      if (isCancellation(error)) return;
      const fault = faultOf(error);
      // There is nothing that could serve, until it is made again: a machine without a definition of its own is gone whenever it is off.
      if (fault.code === "MACHINE_NOT_FOUND" && pending !== null) {
        item.update((state) => ({ ...reached(state), fence: null, guarded: { ...pending, absent: true } }));
        return;
      }
      item.update((state) => notReached(state, fault));
      await sleep(againSeconds * 1_000);
    }
  }

  const orderOf = ({ host, machine, epoch }: PendingFence) => ({ host, item: item.state.item, machine, epoch });
  const turnedOff = (state: ItemState, { site }: PendingFence, how: string): ItemState =>
    withHealth(
      // A machine that has run has other disks than those it was shut down with: they are compared when replication is reversed.
      { ...state, failover: state.failover === null ? null : { ...state.failover, sourceContent: null } },
      {
        code: "STALE_EPOCH",
        message: `The old primary at site ${site} ${how}; it has been turned off. What it wrote after the failover is on its disks only.`,
      },
      { severity: "Warning", action: "Save what it wrote since, if it matters, before replication is reversed." },
    );

  return {
    reconcile() {
      const wanted = wantedOf(item.state);
      const key = wanted === undefined ? undefined : JSON.stringify(wanted);
      if (key === current?.key) return;
      current?.scope.cancel();
      current = undefined;
      if (wanted === undefined || key === undefined) return;
      const mine = { scope: new CancellationScope(), key };
      current = mine;
      const ended = (): void => {
        if (current === mine) current = undefined;
        item.touch();
      };
      mine.scope.run(() => work(wanted)).then(ended, ended);
    },
  };
}

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

type Wanted = Pick<ItemState, "fence" | "guarded">;

/** A machine that is not protected any more is its owner's to start, once it has been stopped. */
function wantedOf({ fence, guarded, lifecycle }: ItemState): Wanted | undefined {
  if (fence !== null) return { fence, guarded: null };
  return guarded === null || lifecycle.state === "unprotected" ? undefined : { fence, guarded };
}
