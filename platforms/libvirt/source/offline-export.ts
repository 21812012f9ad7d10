import { Fault, isFault } from "#domain/fault.ts";
import type { HostConnection } from "../host.ts";

/**
 * Serves one disk of a machine that is off, as it lies there, on a unix socket. Without any of QEMU's locks, so that the machine can be started at any moment: whether what
 * was read is the cut's is proven afterwards (`stillAt`).
 */
export const exportOfflineDisk = async (
  host: HostConnection,
  request: {
    readonly folder: string;
    readonly path: string;
    readonly name: string;
    readonly bitmap: string | undefined;
    /** Its record is all that is wanted: what it stands on is left alone, and need not be there. */
    readonly alone?: true;
  },
  signal: AbortSignal,
): Promise<{ readonly socket: string; readonly exportName: string; readonly dirtyBitmap?: string }> => {
  const { folder, path, name, bitmap, alone } = request;
  const node = {
    driver: "qcow2",
    "force-share": true,
    file: { filename: path },
    ...(alone && { backing: null }),
  };
  const image = `json:${JSON.stringify(node)}`;
  const bounds = { signal, timeoutMs: 20_000, purpose: `serve the image ${path}` };
  try {
    await host.run(exportScript, [folder, name, image, ...(bitmap === undefined ? [] : [bitmap])], bounds);
  } catch (error) {
    // The record was whole a moment ago: QEMU has taken it in use since, and was killed.
    if (isFault(error) && /is inconsistent and cannot be used/.test(error.message))
      throw new Fault(
        "CUT_BROKEN",
        `The machine of the image ${path} on host ${host.name} was started and killed while its disks were read as they lay. The cut is taken again.`,
        { cause: error, details: { host: host.name, path } },
      );
    throw error;
  }
  return {
    socket: `${folder}/${name}.sock`,
    exportName: name,
    ...(bitmap === undefined ? {} : { dirtyBitmap: bitmap }),
  };
};

const exportScript = `
set -e
folder=$1 name=$2 image=$3
shift 3
if [ -S "$folder/$name.sock" ] && kill -0 "$(cat "$folder/$name.pid" 2>/dev/null)" 2>/dev/null; then exit 0; fi
rm -f "$folder/$name.sock" "$folder/$name.pid"
if [ $# -gt 0 ]; then set -- -B "$1"; fi
exec qemu-nbd --fork --read-only --persistent --shared=8 --cache=none --aio=threads -x "$name" -k "$folder/$name.sock" --pid-file="$folder/$name.pid" "$@" -- "$image"
`;

/** Ends every server of the item's folder. Exits when they are gone. */
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
