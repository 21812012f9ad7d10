import type { CutId, DiskId, ItemName } from "#domain/ids.ts";
import { blockCount } from "./blocks.ts";
import type { MachineRecord } from "./records.ts";
import { changesSince } from "./tracking.ts";

/** Whether the machine is off and its record proves that nothing was written to these disks since that cut. */
export function isUnwritten(
  dir: string,
  { machine, tracking }: MachineRecord,
  since: { readonly item: ItemName; readonly cut: CutId; readonly disks: readonly DiskId[] },
): boolean {
  const { item, cut, disks } = since;
  if (machine.running || tracking?.item !== item) return false;
  const { segments } = tracking;
  const newest = segments.at(-1);
  // The newest segment alone grows: a cut before it is another's instant.
  if (newest?.since !== cut) return false;
  return disks.every((id) => {
    const disk = machine.disks.find((each) => each.id === id);
    if (disk === undefined || !newest.disks.includes(id)) return false;
    const changes = { machine: machine.id, segments, disk: id, blocks: blockCount(disk.sizeBytes) };
    return changesSince(dir, { ...changes, since: cut }).every((flag) => flag === 0);
  });
}
