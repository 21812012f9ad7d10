import { CancellationScope } from "@temporalio/workflow";
import { withHealth, withoutHealth } from "#workflows/item/health.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { whenSiteIsBack } from "#workflows/sites.ts";

/**
 * Sees to it that an old primary does not serve again. Its site may be dead now: the step lies in that site's queue and is the first thing its worker does when
 * it is back, again and again until the host answers.
 */
export interface Fencing {
  reconcile(): void;
}

export function fencingOf(item: ItemHolder): Fencing {
  let current: { readonly scope: CancellationScope; readonly key: string } | undefined;

  async function fence(): Promise<void> {
    const pending = item.state.fence;
    if (pending === null) return;
    const { site, host } = item.state.sides[pending.side];
    const { wasRunning } = await whenSiteIsBack(site).fenceMachine({
      host,
      item: item.state.item,
      machine: pending.machine,
      epoch: pending.epoch,
    });
    item.update((state) => {
      const fenced = { ...withoutHealth(state, ["STALE_EPOCH"]), fence: state.fence === pending ? null : state.fence };
      if (!wasRunning) return fenced;
      return withHealth(
        fenced,
        {
          code: "STALE_EPOCH",
          message: `The old primary at site ${site} had come back and was running; it has been turned off. What it wrote after the failover is on its disks only.`,
        },
        { severity: "Warning", action: "Save what it wrote since, if it matters, before replication is reversed." },
      );
    });
  }

  return {
    reconcile() {
      const key = item.state.fence === null ? undefined : JSON.stringify(item.state.fence);
      if (key === current?.key) return;
      current?.scope.cancel();
      if (key === undefined) {
        current = undefined;
        return;
      }
      const mine = { scope: new CancellationScope(), key };
      current = mine;
      const ended = (): void => {
        if (current === mine) current = undefined;
        item.touch();
      };
      mine.scope.run(fence).then(ended, ended);
    },
  };
}
