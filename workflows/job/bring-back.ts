import { Fault } from "#domain/fault.ts";
import { keptOnFrom } from "#workflows/item/keeping-on.ts";
import type { TurnedOff } from "#workflows/item/state.ts";
import { turnOnAgain } from "#workflows/item/undo-failover.ts";
import type { Steps } from "#workflows/job/job.ts";

/**
 * To be called before a guest is asked to shut down: when the job does not come to its end its machine is turned on again, unless it may run at the target. While it is
 * not known to be `off` the guest may still do what it was asked to: the item looks after it, as it does when the machine does not start.
 */
export function bringBack(job: Steps, turnedOff: TurnedOff): { isOff(): void } {
  let off = false;
  job.onFailure("turn the machine on again at the source", async () => {
    if (job.facts.ownershipMoved === true) {
      throw new Fault("POWER_ON_FAILED", "It was not turned on again, because it may be running at the target.");
    }
    let isOver = off;
    try {
      await turnOnAgain(job.item, turnedOff);
    } catch (error) {
      isOver = false;
      throw error;
    } finally {
      if (!isOver) await job.record(keptOnFrom(job.item, turnedOff));
    }
  });
  return { isOff: () => void (off = true) };
}
