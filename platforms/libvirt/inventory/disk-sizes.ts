/** Virtual sizes by target device, out of `virsh domblkinfo --all`'s table (a drive without a medium has none). */
export const readDiskSizes = (table: string): ReadonlyMap<string, number> =>
  new Map(
    table
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([target = "", capacity = ""]) => (/^\d+$/.test(capacity) ? [[target, Number(capacity)] as const] : [])),
  );
