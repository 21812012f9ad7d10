import type { Check } from "#domain/check.ts";
import type { TrackedMachine } from "../../platform.ts";
import { readBlockGraph } from "./block-graph.ts";
import { readLocalImages } from "./offline-images.ts";
import type { SourcePlace } from "./place.ts";
import type { RecordedImage } from "./records.ts";
import { imageMark, parseRecordName } from "./tracking-record.ts";

/**
 * One machine is one item, whatever name or id it is given by: two would each start it somewhere. What another item records in its images tells.
 */
export const checkOwner = async (
  { host }: SourcePlace,
  { tracked, running }: { readonly tracked: TrackedMachine; readonly running: boolean },
  signal: AbortSignal,
): Promise<Check> => {
  const { machine, item } = tracked;
  const others = ownersOf(
    running
      ? [...(await readBlockGraph(host, machine, { signal })).nodes.values()].map(({ filename, bitmaps }) => ({
          path: filename,
          bitmaps,
        }))
      : await readLocalImages(host, machine, signal),
  ).filter((owner) => owner !== item);
  if (others.length === 0)
    return { name: "Owner", passed: true, detail: "No other item keeps records of this machine." };
  return {
    name: "Owner",
    passed: false,
    code: "OPERATION_NOT_ALLOWED",
    detail: `Machine ${machine} on host ${host.name} is protected as the item ${others.join(" and ")} already: one machine is one item.`,
    action:
      "Disable that item first. One that was disabled by force has left its records in the machine's images: protect the machine under that name once more and disable it, which removes them.",
  };
};

/** A record that was copied with its image, as where a machine was cloned, says nothing of this one. */
const ownersOf = (images: readonly RecordedImage[]): readonly string[] => [
  ...new Set(
    images.flatMap(({ path, bitmaps }) =>
      bitmaps.flatMap(({ name }) => {
        const record = parseRecordName(name);
        return record?.image === imageMark(path) ? [record.item] : [];
      }),
    ),
  ),
];
