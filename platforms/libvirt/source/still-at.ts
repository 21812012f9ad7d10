import { isFault } from "#domain/fault.ts";
import type { CutId } from "#domain/ids.ts";
import type { TrackedMachine } from "../../platform.ts";
import { type CutFileName, cutFolder, readCutFile, type StandingCutFile, writeCutFile } from "./cut-file.ts";
import { readFenceMark } from "./fence.ts";
import { readFirmwareVariables } from "./firmware-variables.ts";
import { readImageMarks } from "./image-marks.ts";
import { readHeld } from "./held-mark.ts";
import { isRunning } from "./live-machine.ts";
import { whileOff } from "./meanwhile.ts";
import { ownDefinition } from "./offline-cut.ts";
import { endOfflineExports } from "./offline-export.ts";
import { readImages, readOfflineDefinition } from "./offline-images.ts";
import type { SourcePlace } from "./place.ts";
import { isUnwritten } from "./unwritten.ts";

/**
 * `ReplicationSource.stillAt`. Cheap where the images are files: nobody has written to them when their times are what they were. Otherwise the cut's own records tell
 * (`isUnwritten`).
 */
export const stillAt = async (place: SourcePlace, request: StillRequest, signal: AbortSignal): Promise<boolean> => {
  try {
    return await whileOff({ host: place.host, machine: request.tracked.machine, signal }, () =>
      isStill(place, request, signal),
    );
  } catch (error) {
    if (isFault(error) && error.code === "CUT_BROKEN") return false;
    throw error;
  }
};

interface StillRequest {
  readonly tracked: TrackedMachine;
  readonly cut: CutId;
}

const isStill = async (place: SourcePlace, { tracked, cut }: StillRequest, signal: AbortSignal): Promise<boolean> => {
  const { host, store } = place;
  const folder = cutFolder(store, tracked.item);
  const found = await findOffCut(place, { folder, cut }, signal);
  if (found === undefined || found.file.machine !== tracked.machine) return false;
  if (await isRunning(host, tracked.machine, signal)) return false;
  const { file } = found;
  const { images, definition } = await readOfflineDefinition(host, tracked, signal);
  if (images.length !== file.description.disks.length) return false;
  if (!images.every(({ id, path }) => file.images[id] === path)) return false;
  if (!(await isDescribed(place, { file, tracked, definition }, signal))) return false;
  const paths = images.map(({ path }) => path);
  const marks = await readImageMarks(host, paths, signal);
  if (marks !== undefined && marks === file.marks) return true;
  const disks = await readImages(host, tracked.machine, images, signal);
  for (const disk of disks) if (!(await isUnwritten(host, { folder, tracked, cut, disk }, signal))) return false;
  await endOfflineExports(host, folder, signal);
  // Read before the proof: whoever wrote since has changed them again.
  if (marks !== undefined) await writeCutFile(host, { folder, file: { ...file, marks }, name: found.name }, signal);
  return true;
};

const findOffCut = async (
  { host }: SourcePlace,
  { folder, cut }: { readonly folder: string; readonly cut: CutId },
  signal: AbortSignal,
): Promise<{ readonly file: StandingCutFile; readonly name: CutFileName } | undefined> => {
  for (const name of ["cut.json", "released.json"] as const) {
    const file = await readCutFile(host, folder, signal, name);
    if (file?.state === "standing" && file.offline && file.cut === cut) return { file, name };
  }
  return undefined;
};

/** What the cut carries beside the disks is what there is. */
const isDescribed = async (
  place: SourcePlace,
  {
    file,
    tracked,
    definition,
  }: { readonly file: StandingCutFile; readonly tracked: TrackedMachine; readonly definition: string },
  signal: AbortSignal,
): Promise<boolean> => {
  const { description } = file;
  const mark = await readFenceMark(place, tracked.machine, signal);
  const { mark: held } = await readHeld(place, tracked.machine, signal);
  const now = ownDefinition(definition, { fence: mark, held });
  if (now !== description.definition || tracked.epoch !== description.epoch) return false;
  const variables = await readFirmwareVariables(place, { id: tracked.machine, definition, running: false }, signal);
  return (variables.files?.[0]?.sha256 ?? "") === (description.files?.[0]?.sha256 ?? "");
};
