import type { CutId, MachineId } from "#domain/ids.ts";
import type { TrackedMachine } from "../../platform.ts";
import { readBlockGraph } from "./block-graph.ts";
import { cutFolder } from "./cut-file.ts";
import { forgetFence, readFenceMark, refuseStaleOwner } from "./fence.ts";
import { isRunning } from "./live-machine.ts";
import { endOfflineExports, forgetOfflineRecords } from "./offline-cut.ts";
import type { SourcePlace } from "./place.ts";
import { forgetRecords } from "./records.ts";
import { undoGraph } from "./undo.ts";

/** `ReplicationSource.release`: the graph first, then the records, then the files. */
export const release = async (
  place: SourcePlace,
  request: { readonly tracked: TrackedMachine; readonly keep: readonly CutId[] },
  signal: AbortSignal,
): Promise<void> => {
  const { host, store } = place;
  const { tracked, keep } = request;
  const { machine, item } = tracked;
  const folder = cutFolder(store, item);
  if (await isRunning(host, machine, signal)) {
    const graph = await readBlockGraph(host, machine, { signal });
    await undoGraph(host, { machine, item, folder, graph }, signal);
    await forgetRecords(host, { machine, item, graph, keep }, signal);
  } else {
    await endOfflineExports(host, folder, signal);
    await forgetOfflineRecords(host, { tracked, keep }, signal);
  }
  await host.run(`[ ! -d "$1" ] || rm -f "$1"/*.qcow2 "$1"/cut.json "$1"/cut.json.new "$1"/*.sock`, [folder], {
    signal,
    timeoutMs: 15_000,
    purpose: "free the scratch space",
  });
};

/** `ReplicationSource.stopTracking`. */
export const stopTracking = async (place: SourcePlace, tracked: TrackedMachine, signal: AbortSignal): Promise<void> => {
  const mark = await readFenceMark(place, tracked.machine, signal);
  refuseStaleOwner(place, tracked, mark);
  await release(place, { tracked, keep: [] }, signal);
  if (mark?.item === tracked.item) await forgetFence(place, tracked.machine, signal);
  await place.host.run(`rm -rf -- "$1"`, [cutFolder(place.store, tracked.item)], {
    signal,
    timeoutMs: 15_000,
    purpose: "remove the scratch folder",
  });
};

/** Ends the serving of a machine's images, under whichever item: it is about to be started. */
export const endCutsOf = async (place: SourcePlace, machine: MachineId, signal: AbortSignal): Promise<void> => {
  const { host, store } = place;
  const { stdout } = await host.run(
    `for file in "$1"/source/*/cut.json; do [ -e "$file" ] || continue; if grep -qF "\\"$2\\"" "$file"; then dirname "$file"; fi; done`,
    [store, machine],
    { signal, timeoutMs: 15_000, purpose: `find the cuts of machine ${machine}` },
  );
  for (const folder of stdout.split("\n")) if (folder !== "") await endOfflineExports(host, folder, signal);
};
