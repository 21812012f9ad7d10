import { instant } from "#domain/ids.ts";
import type { CutRequest, StandingCut, TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { type CutFile, cutFolder, type StandingCutFile, writeCutFile } from "./cut-file.ts";
import { readFirmwareVariables } from "./firmware-variables.ts";
import { type OfflineMachine, readOfflineMachine } from "./offline-images.ts";
import type { SourcePlace } from "./place.ts";
import { trackedSince } from "./records.ts";
import { parseRecordName, recordGranularity, recordName } from "./tracking-record.ts";

/** The cut of a machine that is shut off is where it stopped. Its record is made too: should the machine be started here again, changes are known from then on. */
export const takeOfflineCut = async (
  place: SourcePlace,
  request: CutRequest,
  machine: OfflineMachine,
  signal: AbortSignal,
): Promise<StandingCut> => {
  const { host, store } = place;
  const { tracked, cut } = request;
  const folder = cutFolder(store, tracked.item);
  const preparing: CutFile = { version: 1, state: "preparing", cut, machine: tracked.machine };
  const args = machine.disks
    .filter(({ bitmaps }) => !bitmaps.some(({ name }) => parseRecordName(name)?.cut === cut))
    .flatMap(({ path, sizeBytes }) => [
      path,
      recordName({ item: tracked.item, epoch: tracked.epoch, cut, sizeBytes, imagePath: path }),
    ]);
  const off = { id: tracked.machine, definition: machine.definition, running: false };
  const { files, warnings } = await readFirmwareVariables(place, off, signal);
  const { stdout } = await host.run(
    `set -e
mkdir -p -m 711 "$1"; (umask 077; cat >"$1/cut.json"); granularity=$2; shift 2
while [ $# -gt 0 ]; do qemu-img bitmap --add --enable -g "$granularity" -f qcow2 "$1" "$2"; sync "$1"; shift 2; done
date +%s%3N`,
    [folder, recordGranularity.toString(), ...args],
    {
      signal,
      timeoutMs: 60_000,
      purpose: `take a cut of machine ${tracked.machine}, which is shut off`,
      stdin: JSON.stringify(preparing),
    },
  );
  const file: StandingCutFile = {
    version: 1,
    state: "standing",
    cut,
    machine: tracked.machine,
    offline: true,
    images: Object.fromEntries(machine.disks.map(({ id, path }) => [id, path])),
    description: {
      id: cut,
      item: tracked.item,
      epoch: tracked.epoch,
      takenAt: instant(Number(stdout)),
      consistency: request.consistency,
      disks: machine.disks.map(({ id, sizeBytes }) => ({ id, sizeBytes })),
      definition: machine.definition,
      ...(files && { files }),
    },
    frozenMs: 0,
    pausedMs: 0,
    ...(warnings && { warnings }),
  };
  await writeCutFile(host, folder, file, signal);
  return offlineStandingOf(file, machine, tracked);
};

export const offlineStandingOf = (
  file: StandingCutFile,
  machine: OfflineMachine,
  tracked: TrackedMachine,
): StandingCut => ({
  description: file.description,
  trackedSince: trackedSince(machine.disks, tracked, file.cut),
  frozenMs: 0,
  pausedMs: 0,
  ...(file.warnings && { warnings: file.warnings }),
});

/** Serves one disk of it, as it lies there, on a unix socket; QEMU's image lock keeps the machine from being started meanwhile. */
export const exportOfflineDisk = async (
  host: HostConnection,
  request: {
    readonly folder: string;
    readonly path: string;
    readonly name: string;
    readonly bitmap: string | undefined;
  },
  signal: AbortSignal,
): Promise<{ readonly socket: string; readonly exportName: string; readonly dirtyBitmap?: string }> => {
  const { folder, path, name, bitmap } = request;
  await host.run(exportScript, [folder, name, path, ...(bitmap === undefined ? [] : [bitmap])], {
    signal,
    timeoutMs: 20_000,
    purpose: `serve the image ${path}`,
  });
  return {
    socket: `${folder}/${name}.sock`,
    exportName: name,
    ...(bitmap === undefined ? {} : { dirtyBitmap: bitmap }),
  };
};

const exportScript = `
set -e
folder=$1 name=$2 path=$3
shift 3
if [ -S "$folder/$name.sock" ] && kill -0 "$(cat "$folder/$name.pid" 2>/dev/null)" 2>/dev/null; then exit 0; fi
rm -f "$folder/$name.sock" "$folder/$name.pid"
if [ $# -gt 0 ]; then set -- -B "$1"; fi
exec qemu-nbd --fork --read-only --persistent --shared=8 --cache=none --aio=threads -f qcow2 -x "$name" -k "$folder/$name.sock" --pid-file="$folder/$name.pid" "$@" -- "$path"
`;

/** Ends every server of the item's folder. Exits when they are gone, so that the images' locks are free. */
export const endOfflineExports = async (host: HostConnection, folder: string, signal: AbortSignal): Promise<void> => {
  await host.run(endScript, [folder], { signal, timeoutMs: 30_000, purpose: "end the serving of images" });
};

const endScript = `
for pidfile in "$1"/us-*.pid; do
  [ -e "$pidfile" ] || continue
  pid=$(cat "$pidfile")
  # A number that was given to another program since must not be killed.
  if grep -qa qemu-nbd "/proc/$pid/cmdline" 2>/dev/null; then
    kill "$pid" 2>/dev/null
    tries=0
    while kill -0 "$pid" 2>/dev/null; do
      tries=$((tries + 1))
      [ "$tries" -eq 100 ] && kill -9 "$pid"
      [ "$tries" -gt 200 ] && exit 1
      sleep 0.05
    done
  fi
  rm -f "$pidfile" "\${pidfile%.pid}.sock"
done
exit 0
`;

/** Takes the item's records out of the images, but for those of `keep`. */
export const forgetOfflineRecords = async (
  host: HostConnection,
  request: { readonly tracked: TrackedMachine; readonly keep: readonly string[] },
  signal: AbortSignal,
): Promise<void> => {
  const { tracked, keep } = request;
  const machine = await readOfflineMachine(host, tracked, signal);
  const args = machine.disks.flatMap(({ path, bitmaps }) =>
    bitmaps.flatMap(({ name }) => {
      const record = parseRecordName(name);
      return record === undefined || record.item !== tracked.item || keep.includes(record.cut) ? [] : [path, name];
    }),
  );
  if (args.length === 0) return;
  await host.run(`set -e; while [ $# -gt 0 ]; do qemu-img bitmap --remove -f qcow2 "$1" "$2"; shift 2; done`, args, {
    signal,
    timeoutMs: 60_000,
    purpose: `forget old records of machine ${tracked.machine}`,
  });
};
