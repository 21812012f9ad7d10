import type { ItemName } from "#domain/ids.ts";
import type { HostConnection } from "../host.ts";
import { readDomain } from "../inventory/domain-xml.ts";
import { attributeOf, elements, parseEditable, serializeEditable } from "../inventory/editable-xml.ts";
import { parseRecordName } from "../source/tracking-record.ts";
import type { FoundDomain } from "./domains.ts";
import { readImage } from "./images.ts";
import type { ExcludedDisk } from "./stored-replica.ts";

/**
 * The disks of a machine that were never replicated: what the machine gets back when it comes home. One that holds a record of changes for the item was replicated once;
 * that it is not any more means that the machine has been rid of it at its other site.
 */
export const findExcludedDisks = async (
  connection: HostConnection,
  request: { readonly domain: FoundDomain; readonly item: ItemName; readonly replicated: readonly string[] },
  signal: AbortSignal,
): Promise<readonly ExcludedDisk[]> => {
  const { domain, item, replicated } = request;
  const found: ExcludedDisk[] = [];
  for (const { id, type, format, location } of readDomain(domain.xml).disks) {
    const xml = elementOf(domain.xml, id);
    if (replicated.includes(id) || xml === undefined) continue;
    const local = type === "file" || type === "block";
    if (local && format === "qcow2") {
      const { bitmaps } = await readImage(connection, location, signal, { missing: "empty" });
      if (bitmaps.some((name) => parseRecordName(name)?.item === item)) continue;
    }
    found.push({ id, ...(local && { path: location }), xml });
  }
  return found;
};

const elementOf = (definition: string, disk: string): string | undefined => {
  const found = elements(parseEditable(definition), "devices", "disk").find(
    (each) => attributeOf(elements(each, "target")[0], "dev") === disk,
  );
  return found === undefined ? undefined : serializeEditable(found);
};
