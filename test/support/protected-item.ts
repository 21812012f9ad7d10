import { diskId, itemName, machineId } from "#domain/ids.ts";
import { twoSiteConfiguration } from "#test/support/temporal-world.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { newItem } from "#workflows/job/enlist.ts";
import { newReplicaId } from "#workflows/names.ts";

/** The state of an item that is protected from Paris to Lyon, as its initial replication leaves it. */
export function protectedItem(name: string): ItemState {
  const fresh = newItem(twoSiteConfiguration(), itemName(name));
  const { primary, secondary } = fresh.sides;
  return {
    ...fresh,
    lifecycle: { ...fresh.lifecycle, state: "protected", hasRecoveryPoint: true },
    disks: [diskId("vda"), diskId("vdb")],
    sides: {
      primary: { ...primary, machine: { id: machineId(`id-${name}`), name } },
      secondary: {
        ...secondary,
        replica: newReplicaId({ item: fresh.item, host: secondary.host, epoch: fresh.epoch }),
      },
    },
  };
}
