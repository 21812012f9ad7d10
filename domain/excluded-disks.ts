import type { DiskId } from "#domain/ids.ts";

/** What of a machine is replicated, and what is wrong with the list of the disks that are not to be. */
export interface DiskChoice {
  readonly replicated: readonly DiskId[];
  /** A sentence; absent when nothing is wrong. */
  readonly problem?: string;
}

/** The machine's disks without the excluded ones. To exclude a disk that is not there, or every one that is, is a mistake. */
export function chooseDisks(machine: {
  readonly name: string;
  readonly disks: readonly DiskId[];
  readonly excluded: readonly DiskId[];
}): DiskChoice {
  const { name, disks, excluded } = machine;
  const replicated = disks.filter((disk) => !excluded.includes(disk));
  const unknown = excluded.filter((disk) => !disks.includes(disk));
  const has = `Its disks: ${disks.join(", ") || "none"}.`;
  if (unknown.length > 0)
    return { replicated, problem: `excludeDisks names ${unknown.join(", ")}, which ${name} does not have. ${has}` };
  if (replicated.length > 0) return { replicated };
  const nothing = disks.length === 0 ? `${name} has no disk` : `excludeDisks names every disk of ${name}`;
  return { replicated, problem: `${nothing}, so that nothing would be replicated. ${has}` };
}
