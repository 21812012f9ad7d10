import { Fault } from "#domain/fault.ts";
import type { CutRequest, StandingCut, TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import type { Bitmap } from "./block-graph.ts";
import { type CutFile, cutFolder, readCutFile } from "./cut-file.ts";
import { forgetCommands, takeLiveCut } from "./live-cut.ts";
import { isRunning, type LiveMachine, readLiveMachine } from "./live-machine.ts";
import { whileOff, whileRunning } from "./meanwhile.ts";
import { offlineStandingOf, ownDefinition, takeOfflineCut } from "./offline-cut.ts";
import { endOfflineExports } from "./offline-export.ts";
import { readOfflineMachine } from "./offline-images.ts";
import { type FenceMark, readFenceMark, refuseStaleOwner } from "./fence.ts";
import { type HeldMark, readHeld } from "./held-mark.ts";
import type { SourcePlace } from "./place.ts";
import { standingOf, standsIn } from "./standing.ts";
import { parseRecordName } from "./tracking-record.ts";
import { undoGraph } from "./undo.ts";

/** `ReplicationSource.cut`. */
export const takeCut = async (place: SourcePlace, request: CutRequest, signal: AbortSignal): Promise<StandingCut> => {
  const { host, store } = place;
  const { tracked } = request;
  const mark = await readFenceMark(place, tracked.machine, signal);
  refuseStaleOwner(place, tracked, mark);
  const { mark: held } = await readHeld(place, tracked.machine, signal);
  const file = await readCutFile(host, cutFolder(store, tracked.item), signal);
  const at = { host, machine: tracked.machine, signal };
  return (await isRunning(host, tracked.machine, signal))
    ? whileRunning(at, () => cutOfRunning(place, { request, file, held }, signal))
    : whileOff(at, () => cutOfStopped(place, { request, file, fence: mark, held }, signal));
};

interface Asked {
  readonly request: CutRequest;
  readonly file: CutFile | undefined;
  readonly held: HeldMark | undefined;
}

const cutOfStopped = async (
  place: SourcePlace,
  asked: Asked & { readonly fence: FenceMark | undefined },
  signal: AbortSignal,
): Promise<StandingCut> => {
  const { host, store } = place;
  const { request, file } = asked;
  const { tracked } = request;
  const found = await readOfflineMachine(host, tracked, signal);
  if (file?.state === "standing" && file.offline && file.cut === request.cut)
    return offlineStandingOf(file, found, tracked);
  await endOfflineExports(host, cutFolder(store, tracked.item), signal);
  if (file?.cut !== request.cut || file.state === "standing") refuseSecondInstant(request, found.disks);
  const off = { ...found, definition: ownDefinition(found.definition, asked) };
  return takeOfflineCut(place, request, off, signal);
};

const cutOfRunning = async (
  place: SourcePlace,
  { request, file, held }: Asked,
  signal: AbortSignal,
): Promise<StandingCut> => {
  const { host, store } = place;
  const { tracked } = request;
  const folder = cutFolder(store, tracked.item);
  let machine = await readLiveMachine(host, tracked, signal);
  if (file?.state === "standing" && file.cut === request.cut && standsIn(machine.graph, tracked, file))
    return standingOf(file, machine.disks, tracked);
  if (file !== undefined) {
    await endOfflineExports(host, folder, signal);
    const { machine: id, item } = tracked;
    await undoGraph(host, { machine: id, item, folder, graph: machine.graph }, signal);
    if (file.state === "preparing" && file.cut === request.cut) await forgetHalfMade(host, request, machine, signal);
    machine = await readLiveMachine(host, tracked, signal);
  }
  refuseSecondInstant(
    request,
    machine.disks.map(({ image }) => image),
  );
  return takeLiveCut(place, request, { ...machine, definition: ownDefinition(machine.definition, { held }) }, signal);
};

/** An attempt at this cut that never stood left a record that says nothing. */
const forgetHalfMade = async (
  host: HostConnection,
  request: CutRequest,
  machine: LiveMachine,
  signal: AbortSignal,
): Promise<void> => {
  await host.monitor(request.tracked.machine, forgetCommands(request, machine.disks), {
    signal,
    timeoutMs: 15_000,
    purpose: `forget the record of cut ${request.cut}`,
  });
};

/**
 * A cut that stood once has a record that began at its instant. To take another instant by the same name would make one of the two a lie: the replica may
 * hold the first.
 */
const refuseSecondInstant = (
  { tracked, cut }: CutRequest,
  images: readonly { readonly bitmaps: readonly Bitmap[] }[],
): void => {
  const taken = images.some(({ bitmaps }) =>
    bitmaps.some(({ name }) => {
      const record = parseRecordName(name);
      return record?.item === tracked.item && record.cut === cut;
    }),
  );
  if (taken)
    throw new Fault(
      "CUT_BROKEN",
      `The cut ${cut} of item ${tracked.item} was taken before and does not stand any more: the machine was restarted, or the cut was released. Take a new one, under a new id.`,
      { details: { item: tracked.item, cut } },
    );
};

/** `ReplicationSource.standingCut`. */
export const findStandingCut = async (
  place: SourcePlace,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<StandingCut | undefined> => {
  const { host, store } = place;
  const file = await readCutFile(host, cutFolder(store, tracked.item), signal);
  if (file === undefined || file.state !== "standing") return undefined;
  const running = await isRunning(host, tracked.machine, signal);
  if (running === file.offline) return undefined;
  if (file.offline) return offlineStandingOf(file, await readOfflineMachine(host, tracked, signal), tracked);
  const machine = await readLiveMachine(host, tracked, signal);
  return standsIn(machine.graph, tracked, file) ? standingOf(file, machine.disks, tracked) : undefined;
};
