import type { TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { type BlockGraph, readBlockGraph } from "./block-graph.ts";
import { readAutostart, withSettings } from "../inventory/metadata.ts";
import { refuseUnsafeIoThreads } from "./io-threads.ts";
import { findLiveDisks, type LiveDisk } from "./live-disks.ts";
import { itemPrefix } from "./node-names.ts";

export interface LiveMachine {
  readonly graph: BlockGraph;
  readonly disks: readonly LiveDisk[];
  /** The definition as a cut carries it. */
  readonly definition: string;
}

/** A running machine's disks as QEMU has them. Rejects with `DISK_NOT_TRACKABLE`. */
export const readLiveMachine = async (
  host: HostConnection,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<LiveMachine> => {
  const graph = await readBlockGraph(host, tracked.machine, { signal });
  const [liveXml = "", definition = "", info = ""] = await host.virsh(
    [
      ["dumpxml", tracked.machine],
      ["dumpxml", tracked.machine, "--migratable"],
      ["dominfo", tracked.machine],
    ],
    { signal, timeoutMs: 15_000, purpose: `read machine ${tracked.machine}` },
  );
  await refuseUnsafeIoThreads(host, { machine: tracked.machine, disks: tracked.disks, liveXml }, signal);
  const disks = findLiveDisks({
    liveXml,
    graph,
    disks: tracked.disks,
    machine: tracked.machine,
    ours: itemPrefix(tracked.item),
  });
  return { graph, disks, definition: withSettings(definition, { autostart: readAutostart(info) }) };
};

/** Whether the machine has a QEMU process. */
export const isRunning = async (host: HostConnection, machine: string, signal: AbortSignal): Promise<boolean> => {
  const [state = ""] = await host.virsh([["domstate", machine]], {
    signal,
    timeoutMs: 15_000,
    purpose: `read the state of machine ${machine}`,
  });
  return !["shut off", "crashed"].includes(state.trim());
};
