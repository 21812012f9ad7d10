import { Fault } from "#domain/fault.ts";

import type { LabHost } from "../hosts/host.ts";

const filler = "fault.filler";
/** Allocating a file takes some blocks more than the file's own. */
const metadataBytes = 1024 * 1024;

/** Fills a host's store until only `leaveBytes` are free. Only where the store has a size of its own (`storeBytes` of `startLab`): else `INVALID_INPUT`. */
export const fillStore = async (host: LabHost, leaveBytes = 0): Promise<void> => {
  const { stdout } = await host.run('mountpoint -q "$1" && stat -f -c "%a %S" "$1"; true', [host.store]);
  const [blocks, blockBytes] = stdout.trim().split(" ").map(Number);
  if (blocks === undefined || blockBytes === undefined || Number.isNaN(blockBytes)) {
    throw new Fault(
      "INVALID_INPUT",
      `The store of ${host.name} has no size of its own, and filling it would fill this machine's disk; start the lab with a size for it: storeBytes, or understudy lab up --store-mib.`,
    );
  }
  const bytes = blocks * blockBytes - Math.max(leaveBytes, metadataBytes);
  if (bytes > 0) await host.run('fallocate -l "$2" "$1"', [`${host.store}/${filler}`, String(bytes)]);
  if (leaveBytes === 0) await host.run(fillRest, [`${host.store}/${filler}`]);
};

// No one knows what the file system keeps for itself until what was written is on the disk: fill and flush until nothing more goes in.
const fillRest = `
  round=0
  while [ $round -lt 20 ]; do
    dd if=/dev/zero of="$1.$round" bs=4096 2>/dev/null
    sync -f "$1"
    [ -s "$1.$round" ] || break
    round=$((round + 1))
  done`;

/** Gives the space back. */
export const emptyStore = async (host: LabHost): Promise<void> => {
  await host.run('rm -f "$1" "$1".*', [`${host.store}/${filler}`]);
};
