import type { HostConnection } from "../host.ts";
import { isRunning } from "./live-machine.ts";
import { startedMeanwhile } from "./meanwhile.ts";

/** One that is ended in its midst leaves an image that is whole; its records are marked as in use then, and prove nothing any more. */
const editScript = `
path=$1
shift
timeout 5 qemu-img bitmap -f qcow2 "$@" || {
  code=$?
  [ "$code" -ne 124 ] || echo "the storage of $path took longer than 5 s, for which the machine could not have been started: see why it is slow" >&2
  exit "$code"
}
sync "$path"
`;

/**
 * Changes the records in one image of a machine that is off. QEMU's tool locks the image for a few milliseconds, in which the machine's start would fail. So the machine
 * is looked at right before: a start that begins after that look takes many times as long until it opens its images. `CUT_BROKEN` when it runs already. Where the storage
 * is slow the lock is given up after 5 s: the start of a machine comes first.
 */
export const editImage = async (
  host: HostConnection,
  edit: {
    readonly machine: string;
    readonly path: string;
    readonly options: readonly string[];
    readonly record: string;
  },
  signal: AbortSignal,
): Promise<void> => {
  const { machine, path, options, record } = edit;
  if (await isRunning(host, machine, signal)) throw startedMeanwhile({ host, machine });
  await host.run(editScript, [path, ...options, path, record], {
    signal,
    timeoutMs: 60_000,
    purpose: `change the records of machine ${machine}, which is shut off`,
  });
};
