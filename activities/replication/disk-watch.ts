import type { Stretch } from "./stretch.ts";
import { operationOf } from "./stretch.ts";

/** A look costs the host a few milliseconds. */
const lookEveryMs = 5_000;

/** Whether the machine has other disks than when the stretch was planned (`ReplicateRequest.machineDisks`): which of them are replicated is not this stretch's to say. */
export interface DiskWatch {
  /** Looks every five seconds at most; `now`: at once. Always false when nobody said what disks there were. */
  changed(options?: { readonly now: boolean }): Promise<boolean>;
}

export function watchDisks(stretch: Stretch): DiskWatch {
  const { request, clock, inventory, log } = stretch;
  const { machineDisks, tracked } = request;
  let lookAt = clock.now() + lookEveryMs;
  return {
    async changed({ now } = { now: false }) {
      if (machineDisks === undefined || (!now && clock.now() < lookAt)) return false;
      lookAt = clock.now() + lookEveryMs;
      const { disks } = await inventory.find(tracked.machine, operationOf(stretch, { verb: "look-at-disks" }));
      const has = disks.map(({ id }) => id);
      if (has.join() === machineDisks.join()) return false;
      log("the machine has other disks than before", { item: tracked.item, before: machineDisks, has });
      return true;
    },
  };
}
