import { isFault } from "#domain/fault.ts";
import type { CutId, MachineId } from "#domain/ids.ts";
import type { TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { readBlockGraph } from "./block-graph.ts";
import { cutFolder, readCutFile } from "./cut-file.ts";
import { forgetFence, readFenceMark, readLifted, refuseStaleOwner } from "./fence.ts";
import { removeHeld } from "./held-mark.ts";
import { isRunning } from "./live-machine.ts";
import { whileOff, whileRunning } from "./meanwhile.ts";
import { forgetOfflineRecords } from "./offline-cut.ts";
import { endOfflineExports } from "./offline-export.ts";
import type { SourcePlace } from "./place.ts";
import { forgetRecords } from "./records.ts";
import { undoGraph } from "./undo.ts";

/** `ReplicationSource.release`. A machine that is shut off or started in the middle of it is released as what it is then. */
export const release = async (place: SourcePlace, request: ReleaseRequest, signal: AbortSignal): Promise<void> => {
  const once = async (): Promise<void> => {
    const at = { host: place.host, machine: request.tracked.machine, signal };
    if (await isRunning(at.host, at.machine, signal))
      await whileRunning(at, () => releaseRunning(place, request, signal));
    else await whileOff(at, () => releaseStopped(place, request, signal));
  };
  try {
    await once();
  } catch (error) {
    if (!isFault(error) || error.code !== "CUT_BROKEN") throw error;
    await once();
  }
};

interface ReleaseRequest {
  readonly tracked: TrackedMachine;
  readonly keep: readonly CutId[];
}

/** The graph first, then the records, then the files. */
const releaseRunning = async (place: SourcePlace, request: ReleaseRequest, signal: AbortSignal): Promise<void> => {
  const { host, store } = place;
  const { keep } = request;
  const { machine, item } = request.tracked;
  const folder = cutFolder(store, item);
  const graph = await readBlockGraph(host, machine, { signal });
  await undoGraph(host, { machine, item, folder, graph }, signal);
  await forgetRecords(host, { machine, item, graph, keep }, signal);
  const { served } = await removeFiles(host, { folder, remember: false }, signal);
  // The machine was off when the cut was taken.
  if (served) await endOfflineExports(host, folder, signal);
};

/** What the cut was stays remembered: as long as the machine is off and nothing was written, there is no need for another one. */
const releaseStopped = async (place: SourcePlace, request: ReleaseRequest, signal: AbortSignal): Promise<void> => {
  const { host, store } = place;
  const folder = cutFolder(store, request.tracked.item);
  await endOfflineExports(host, folder, signal);
  await forgetOfflineRecords(host, request, signal);
  const file = await readCutFile(host, folder, signal);
  const remember = file?.state === "standing" && file.offline && request.keep.includes(file.cut);
  await removeFiles(host, { folder, remember }, signal);
};

const removeFiles = async (
  host: HostConnection,
  { folder, remember }: { readonly folder: string; readonly remember: boolean },
  signal: AbortSignal,
): Promise<{ readonly served: boolean }> => {
  const cut = remember ? `mv -f "$1/cut.json" "$1/released.json"` : `rm -f "$1/cut.json" "$1/released.json"`;
  const script = `[ -d "$1" ] || exit 0; rm -f "$1"/*.qcow2 "$1"/*.json.new "$1"/*.sock; ${cut}; for each in "$1"/us-*.pid; do if [ -e "$each" ]; then echo served; break; fi; done`;
  const bounds = { signal, timeoutMs: 15_000, purpose: "free the scratch space" };
  const { stdout } = await host.run(script, [folder], bounds);
  return { served: stdout.trim() === "served" };
};

/** `ReplicationSource.stopTracking`. */
export const stopTracking = async (place: SourcePlace, tracked: TrackedMachine, signal: AbortSignal): Promise<void> => {
  const mark = await readFenceMark(place, tracked.machine, signal);
  refuseStaleOwner(place, tracked, mark);
  await release(place, { tracked, keep: [] }, signal);
  const left = mark ?? (await readLifted(place, tracked.machine, signal));
  if (left?.item === tracked.item) await forgetFence(place, tracked.machine, signal);
  else await removeHeld(place, tracked.machine, signal);
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
