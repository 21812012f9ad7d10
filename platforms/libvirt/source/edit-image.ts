import type { HostConnection } from "../host.ts";
import { isRunning } from "./live-machine.ts";
import { startedMeanwhile } from "./meanwhile.ts";

/**
 * Changes the records in one image of a machine that is off. QEMU's tool locks the image for a few milliseconds, in which the machine's start would fail. So the machine
 * is looked at right before: a start that begins after that look takes many times as long until it opens its images. `CUT_BROKEN` when it runs already.
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
  await host.run(`path=$1; shift; qemu-img bitmap -f qcow2 "$@" && sync "$path"`, [path, ...options, path, record], {
    signal,
    timeoutMs: 60_000,
    purpose: `change the records of machine ${machine}, which is shut off`,
  });
};
