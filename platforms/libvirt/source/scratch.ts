import type { CutId, DiskId, MachineId } from "#domain/ids.ts";
import type { HostConnection } from "../host.ts";
import type { CutFile } from "./cut-file.ts";

/** Below this a qcow2 file's own tables would be what fills it. */
const minimumBytes = 16 * 1024 * 1024;

export interface ScratchDisk {
  readonly id: DiskId;
  readonly sizeBytes: number;
  /** Flushed before the instant, so that the flush which QEMU does inside it has little left to do. */
  readonly image: string;
}

/** The most that one disk's scratch may take, its tables included. Whole clusters. */
export const scratchLimit = (sizeBytes: number, percent: number): number =>
  Math.ceil(Math.max(minimumBytes, (sizeBytes * percent) / 100) / 65_536) * 65_536;

export const scratchPath = (folder: string, disk: DiskId): string => `${folder}/${disk}.qcow2`;

/**
 * Empty, thin scratch images of the limit's length; QEMU gets to see exactly that length (see `scratchNode`) and so cannot make one grow beyond it.
 * They belong to whom the machine's images belong to, because QEMU opens them as that user. Answers the host's clock in ms.
 */
export const makeScratch = async (
  host: HostConnection,
  request: {
    readonly folder: string;
    readonly disks: readonly ScratchDisk[];
    readonly percent: number;
    readonly cut: CutId;
    readonly machine: MachineId;
    readonly flush: boolean;
  },
  signal: AbortSignal,
): Promise<number> => {
  const file: CutFile = { version: 1, state: "preparing", cut: request.cut, machine: request.machine };
  const args = request.disks.flatMap((disk) => [
    scratchPath(request.folder, disk.id),
    disk.sizeBytes.toString(),
    scratchLimit(disk.sizeBytes, request.percent).toString(),
    disk.image,
  ]);
  const { stdout } = await host.run(script, [request.folder, request.flush ? "flush" : "", ...args], {
    signal,
    timeoutMs: 30_000,
    purpose: "make room for what the machine overwrites while it is read",
    stdin: JSON.stringify(file),
  });
  return Number(stdout);
};

const script = `
set -e
folder=$1 flush=$2
shift 2
mkdir -p -m 711 "$folder"
rm -f "$folder"/*.qcow2
(umask 077; cat >"$folder/cut.json.new")
mv "$folder/cut.json.new" "$folder/cut.json"
first=$4
while [ $# -gt 0 ]; do
  qemu-img create -q -f qcow2 "$1" "$2"
  truncate -s "$3" "$1"
  chmod 600 "$1"
  if [ -e "$4" ]; then chown --reference="$4" "$1"; fi
  if [ -n "$flush" ] && [ -e "$4" ]; then sync -d "$4"; fi
  shift 4
done
if [ -e "$first" ]; then chown --reference="$first" "$folder"; fi
date +%s%3N
`;

/** A raw node of a fixed size between the file and qcow2 answers every write beyond it with "no space": the bound holds inside QEMU, without a watcher. */
export const scratchNode = (request: {
  readonly name: string;
  readonly path: string;
  readonly limitBytes: number;
}): Readonly<Record<string, unknown>> => ({
  driver: "qcow2",
  "node-name": request.name,
  discard: "unmap",
  file: {
    driver: "raw",
    size: request.limitBytes,
    file: { driver: "file", filename: request.path, discard: "unmap" },
  },
});
