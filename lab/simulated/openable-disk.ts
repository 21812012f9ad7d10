import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import type { TrackedMachine } from "#platforms/platform.ts";
import { blockCount } from "./blocks.ts";
import type { SimulatedHost } from "./host.ts";
import { machineOf, refuseStaleOwner, upHost } from "./host.ts";
import { changesBetween } from "./tracking.ts";

/** What `ReplicationSource.openDisk` needs to open that disk of the standing cut. Throws `CUT_NOT_FOUND`, `CUT_BROKEN`, `TRACKING_LOST`. */
export function openableDisk(
  host: SimulatedHost,
  request: { readonly tracked: TrackedMachine; readonly cut: CutId; readonly disk: DiskId; readonly since?: CutId },
) {
  const { store } = host;
  const { tracked, cut, disk, since } = request;
  return store.transact((state) => {
    upHost(state, host.site);
    const record = machineOf(state, tracked.machine);
    refuseStaleOwner(record, tracked);
    const standing = record.tracking?.standing;
    const description = standing?.cut.description;
    const found = description?.disks.find(({ id }) => id === disk);
    if (description?.id !== cut || description.item !== tracked.item || found === undefined || standing === undefined)
      throw new Fault("CUT_NOT_FOUND", `Cut ${cut} of machine ${record.machine.name}, disk ${disk}, does not stand.`);
    if (standing.broken)
      throw new Fault(
        "CUT_BROKEN",
        `Cut ${cut} of machine ${record.machine.name} is broken: its scratch space is full.`,
      );
    const opened = { store, machine: tracked.machine, cut, disk, sizeBytes: found.sizeBytes };
    if (since === undefined) return opened;
    if (!(standing.cut.trackedSince[disk] ?? []).includes(since))
      throw new Fault(
        "TRACKING_LOST",
        `The changes of disk ${disk} of machine ${record.machine.name} since cut ${since} cannot be proven.`,
      );
    const changed = changesBetween(store.dir, {
      machine: tracked.machine,
      segments: record.tracking?.segments ?? [],
      disk,
      since,
      until: cut,
      blocks: blockCount(found.sizeBytes),
    });
    return { ...opened, changed };
  });
}
