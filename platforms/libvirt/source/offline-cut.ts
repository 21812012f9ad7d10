import { instant } from "#domain/ids.ts";
import type { CutRequest, StandingCut, TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { withSettings } from "../inventory/metadata.ts";
import { type CutFile, cutFolder, type StandingCutFile, writeCutFile } from "./cut-file.ts";
import { editImage } from "./edit-image.ts";
import type { FenceMark } from "./fence.ts";
import type { HeldMark } from "./held-mark.ts";
import { readFirmwareVariables } from "./firmware-variables.ts";
import { readImageMarks } from "./image-marks.ts";
import { isRunning } from "./live-machine.ts";
import { startedMeanwhile } from "./meanwhile.ts";
import { type OfflineMachine, readImages, readLocalImages } from "./offline-images.ts";
import type { SourcePlace } from "./place.ts";
import { trackedSince } from "./records.ts";
import { parseRecordName, recordGranularity, recordName } from "./tracking-record.ts";

/**
 * The cut of a machine that is shut off is where it stopped. Its record is made too: should the machine be started here again, changes are known from then on, and that it
 * is empty proves that nothing was written while the cut was read. `CUT_BROKEN` when the machine is started meanwhile, which nothing here hinders.
 */
export const takeOfflineCut = async (
  place: SourcePlace,
  request: CutRequest,
  machine: OfflineMachine,
  signal: AbortSignal,
): Promise<StandingCut> => {
  const { host, store } = place;
  const { tracked, cut } = request;
  const folder = cutFolder(store, tracked.item);
  const off = { id: tracked.machine, definition: machine.definition, running: false };
  const { files, warnings } = await readFirmwareVariables(place, off, signal);
  await begin(host, folder, { version: 1, state: "preparing", cut, machine: tracked.machine }, signal);
  await addRecords(host, request, machine, signal);
  const { takenAt, marks } = await look(host, machine, signal);
  // Read again: what was read before the records were made may be of the moment in which somebody tried to start it.
  const disks = await readImages(host, tracked.machine, machine.disks, signal);
  if (await isRunning(host, tracked.machine, signal)) throw startedMeanwhile({ host, machine: tracked.machine });
  const file: StandingCutFile = {
    version: 1,
    state: "standing",
    cut,
    machine: tracked.machine,
    offline: true,
    images: Object.fromEntries(disks.map(({ id, path }) => [id, path])),
    description: {
      id: cut,
      item: tracked.item,
      epoch: tracked.epoch,
      takenAt,
      consistency: request.consistency,
      disks: disks.map(({ id, sizeBytes }) => ({ id, sizeBytes })),
      definition: machine.definition,
      ...(files && { files }),
    },
    frozenMs: 0,
    pausedMs: 0,
    ...(warnings && { warnings }),
    ...(marks !== undefined && { marks }),
  };
  await writeCutFile(host, { folder, file }, signal);
  return offlineStandingOf(file, { ...machine, disks }, tracked);
};

const begin = async (host: HostConnection, folder: string, file: CutFile, signal: AbortSignal): Promise<void> => {
  await host.run(`set -e; mkdir -p -m 711 "$1"; rm -f "$1/released.json"; umask 077; cat >"$1/cut.json"`, [folder], {
    signal,
    timeoutMs: 15_000,
    purpose: "make the cut's folder",
    stdin: JSON.stringify(file),
  });
};

const addRecords = async (
  host: HostConnection,
  { tracked, cut }: CutRequest,
  { disks }: OfflineMachine,
  signal: AbortSignal,
): Promise<void> => {
  const missing = disks.filter(({ bitmaps }) => !bitmaps.some(({ name }) => parseRecordName(name)?.cut === cut));
  for (const { path, sizeBytes } of missing) {
    const record = recordName({ item: tracked.item, epoch: tracked.epoch, cut, sizeBytes, imagePath: path });
    const options = ["--add", "--enable", "-g", recordGranularity.toString()];
    await editImage(host, { machine: tracked.machine, path, options, record }, signal);
  }
};

/** The cut's instant: any between its records' beginning and the proof that nothing was written since. */
const look = async (
  host: HostConnection,
  { disks }: OfflineMachine,
  signal: AbortSignal,
): Promise<{ readonly takenAt: ReturnType<typeof instant>; readonly marks: string | undefined }> => {
  const bounds = { signal, timeoutMs: 10_000, purpose: "read the host's clock" };
  const { stdout } = await host.run("date +%s%3N", [], bounds);
  const paths = disks.map(({ path }) => path);
  return { takenAt: instant(Number(stdout)), marks: await readImageMarks(host, paths, signal) };
};

export const offlineStandingOf = (
  file: StandingCutFile,
  machine: OfflineMachine,
  tracked: TrackedMachine,
): StandingCut => ({
  description: file.description,
  trackedSince: trackedSince(machine.disks, tracked, file.cut),
  machineOff: true,
  frozenMs: 0,
  pausedMs: 0,
  ...(file.warnings && { warnings: file.warnings }),
});

/** As its cut carries it: that a fenced machine is not started by its host, or a held one, is our doing; what it was is the machine's own. */
export const ownDefinition = (
  definition: string,
  { fence, held }: { readonly fence?: FenceMark | undefined; readonly held?: HeldMark | undefined },
): string => {
  if (fence !== undefined) return withSettings(definition, { autostart: fence.autostart });
  return held === undefined ? definition : withSettings(definition, { autostart: true });
};

/** Takes the item's records out of the images, but for those of `keep`: out of all the machine has, as a disk that is excluded by now may have been replicated before. */
export const forgetOfflineRecords = async (
  host: HostConnection,
  request: { readonly tracked: TrackedMachine; readonly keep: readonly string[] },
  signal: AbortSignal,
): Promise<void> => {
  const { tracked, keep } = request;
  for (const { path, bitmaps } of await readLocalImages(host, tracked.machine, signal))
    for (const { name } of bitmaps) {
      const record = parseRecordName(name);
      if (record === undefined || record.item !== tracked.item || keep.includes(record.cut)) continue;
      await editImage(host, { machine: tracked.machine, path, options: ["--remove"], record: name }, signal);
    }
};
