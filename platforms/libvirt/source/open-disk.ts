import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import type { BlockSource } from "#transfer/block.ts";
import { openNbdSource } from "#transfer/nbd/open.ts";
import type { TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { tellBrokenFromLost } from "./broken-or-lost.ts";
import { cutFolder, readCutFile, type StandingCutFile } from "./cut-file.ts";
import { type DiskExport, exportLiveDisk } from "./export-disk.ts";
import { withGrownRange } from "./grown-source.ts";
import { readLiveMachine } from "./live-machine.ts";
import { exportName } from "./node-names.ts";
import { whileOff, whileRunning } from "./meanwhile.ts";
import { exportOfflineDisk } from "./offline-export.ts";
import { readOfflineMachine } from "./offline-images.ts";
import type { SourcePlace } from "./place.ts";
import { type FoundRecord, provenRecords, type RecordedImage } from "./records.ts";
import { standsIn } from "./standing.ts";
import { tellStartedFromFailed } from "./started-or-failed.ts";

export interface OpenRequest {
  readonly tracked: TrackedMachine;
  readonly cut: CutId;
  readonly disk: DiskId;
  readonly since?: CutId;
}

/** Opens one disk of the standing cut; `ReplicationSource.openDisk` says what it promises. */
export const openCutDisk = async (
  place: SourcePlace,
  request: OpenRequest,
  signal: AbortSignal,
): Promise<BlockSource> => {
  const { host, store } = place;
  const folder = cutFolder(store, request.tracked.item);
  const file = await readCutFile(host, folder, signal);
  if (file === undefined || file.state !== "standing" || file.cut !== request.cut) throw notStanding(host, request);
  const found = { ...request, folder, file };
  const at = { host, machine: request.tracked.machine, signal };
  return file.offline
    ? whileOff(at, async () => opened(request, file, await offlineDisk(host, found, signal)))
    : whileRunning(at, async () => opened(request, file, await liveDisk(host, found, signal)));
};

const opened = async (request: OpenRequest, file: StandingCutFile, { record, open }: Opening): Promise<BlockSource> => {
  const changes = await open(record);
  const size = file.description.disks.find(({ id }) => id === request.disk)?.sizeBytes ?? changes.sizeBytes;
  if (record === undefined || record.sizeBytes >= size) return changes;
  try {
    return withGrownRange({ changes, whole: await open(undefined), oldSizeBytes: record.sizeBytes });
  } catch (error) {
    await changes[Symbol.asyncDispose]();
    throw error;
  }
};

/** How a disk is opened, whole or by a record, and the record that was asked for. */
interface Opening {
  readonly record: FoundRecord | undefined;
  readonly open: (record: FoundRecord | undefined) => Promise<BlockSource>;
}
type Located = OpenRequest & { readonly folder: string; readonly file: StandingCutFile };

const liveDisk = async (host: HostConnection, request: Located, signal: AbortSignal): Promise<Opening> => {
  const { tracked, cut, disk, since, folder, file } = request;
  const machine = await readLiveMachine(host, tracked, signal);
  if (!standsIn(machine.graph, tracked, file)) throw notStanding(host, request);
  const image = machine.disks.find(({ id }) => id === disk)?.image;
  return {
    record:
      since === undefined
        ? undefined
        : proven(host, request, since, image && { path: image.filename, bitmaps: image.bitmaps }),
    open: async (record) => {
      const parts = { tracked, cut, disk, machine, folder, ...(record === undefined ? {} : { record }) };
      const found = await exportLiveDisk(host, parts, signal);
      const source = await openExport(host, found, signal);
      return tellBrokenFromLost(source, (again) =>
        whileRunning({ host, machine: tracked.machine, signal: again }, () => openExport(host, found, again)),
      );
    },
  };
};

const offlineDisk = async (host: HostConnection, request: Located, signal: AbortSignal): Promise<Opening> => {
  const { tracked, cut, disk, since, folder, file } = request;
  const path = file.images[disk];
  if (path === undefined) throw notStanding(host, request);
  const machine = await readOfflineMachine(host, tracked, signal);
  const image = machine.disks.find(({ id }) => id === disk);
  return {
    record: since === undefined ? undefined : proven(host, request, since, image),
    open: async (record) => {
      const name = exportName({ item: tracked.item, cut }, disk, record?.cut);
      const found = await exportOfflineDisk(host, { folder, path, name, bitmap: record?.bitmap }, signal);
      return tellStartedFromFailed(await openExport(host, found, signal), { host, machine: tracked.machine });
    },
  };
};

const openExport = (host: HostConnection, found: DiskExport, signal: AbortSignal): Promise<BlockSource> =>
  openNbdSource({
    transport: { kind: "stream", open: (opening) => host.openUnix(found.socket, opening) },
    exportName: found.exportName,
    ...(found.dirtyBitmap === undefined ? {} : { dirtyBitmap: found.dirtyBitmap }),
    signal,
  });

const proven = (
  host: HostConnection,
  request: OpenRequest,
  since: CutId,
  image: RecordedImage | undefined,
): FoundRecord => {
  const records = image === undefined ? [] : provenRecords(image, request.tracked);
  const record = records.find(({ cut }) => cut === since);
  if (record !== undefined) return record;
  throw new Fault(
    "TRACKING_LOST",
    `What changed on disk ${request.disk} of machine ${request.tracked.machine} on host ${host.name} since cut ${since} cannot be proven: its record is gone or incomplete (QEMU or the host crashed, a snapshot was taken, or the image was replaced). The disk has to be resynchronized.`,
    { details: { host: host.name, machine: request.tracked.machine, disk: request.disk, since } },
  );
};

const notStanding = (host: HostConnection, { tracked, cut }: OpenRequest): Fault =>
  new Fault(
    "CUT_NOT_FOUND",
    `The cut ${cut} of item ${tracked.item} does not stand (any more) on host ${host.name}: it was released, or the machine was started or stopped since. Take a new one.`,
    { details: { host: host.name, item: tracked.item, cut } },
  );
