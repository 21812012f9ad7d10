import { Fault } from "#domain/fault.ts";
import type { CutDisk } from "#domain/cut.ts";
import type { CutId } from "#domain/ids.ts";
import type { CutRequest, StandingCut, TrackedMachine } from "#platforms/platform.ts";
import { blockCount } from "./blocks.ts";
import { scratchPaths } from "./guest-disk.ts";
import type { SimulatedHost } from "./host.ts";
import { hostTime, machineOf, refuseStaleOwner, upHost } from "./host.ts";
import type { MachineRecord, StandingRecord, TrackingRecord } from "./records.ts";
import { machineKey } from "./records.ts";
import { createSparse } from "./sparse-file.ts";
import type { State } from "./store.ts";
import { beginSegment, forgetSegments, provableSince, wipeScratch, wipeTracking } from "./tracking.ts";
import { isUnwritten } from "./unwritten.ts";

/** `ReplicationSource.cut`: in one transaction, so that no write of the guest falls into it. */
export function takeCut(host: SimulatedHost, request: CutRequest): StandingCut {
  return host.store.transact((state) => {
    upHost(state, host.site);
    const record = machineOf(state, request.tracked.machine);
    refuseStaleOwner(record, request.tracked);
    const before = ownTracking(host, record, request.tracked);
    if (before.standing?.cut.description.id === request.cut) return before.standing.cut;
    if (before.segments.some(({ since }) => since === request.cut))
      throw new Fault(
        "INVALID_INPUT",
        `Cut id ${request.cut} was used before for machine ${record.machine.name}; take a new one.`,
      );
    freeze(record, request);
    wipeScratch(host.store.dir, record.machine.id, before);
    const disks = cutDisks(record, request.tracked);
    const segments = beginSegment(host.store.dir, {
      machine: record.machine,
      segments: before.segments,
      since: request.cut,
      disks: disks.map(({ id }) => id),
    });
    const standing = standingRecord(host, { record, request, disks, tracking: { ...before, segments } });
    for (const disk of disks) emptyScratch(host.store.dir, record, { standing, disk });
    state.put(machineKey(record.machine.id), { ...record, tracking: { item: before.item, segments, standing } });
    return standing.cut;
  });
}

/** `ReplicationSource.standingCut`. */
export function standingCut(host: SimulatedHost, tracked: TrackedMachine): StandingCut | undefined {
  return host.store.transact((state) => {
    upHost(state, host.site);
    const record = machineOf(state, tracked.machine);
    return ownTracking(host, record, tracked).standing?.cut;
  });
}

/** `ReplicationSource.stillAt`. */
export function stillAt(
  host: SimulatedHost,
  { tracked, cut }: { readonly tracked: TrackedMachine; readonly cut: CutId },
): boolean {
  return host.store.transact((state) => {
    upHost(state, host.site);
    const { item, machine, disks } = tracked;
    return isUnwritten(host.store.dir, machineOf(state, machine), { item, cut, disks });
  });
}

/** `ReplicationSource.release`. */
export function releaseCut(
  host: SimulatedHost,
  request: { readonly tracked: TrackedMachine; readonly keep: readonly CutId[] },
): void {
  changeTracking(host, request.tracked, (record, tracking) => {
    wipeScratch(host.store.dir, record.machine.id, tracking);
    const { machine } = record;
    const segments = forgetSegments(host.store.dir, { machine, segments: tracking.segments, keep: request.keep });
    return { item: tracking.item, segments };
  });
}

/** `ReplicationSource.stopTracking`. */
export function stopTracking(host: SimulatedHost, tracked: TrackedMachine): void {
  changeTracking(host, tracked, (record, tracking) => {
    wipeTracking(host.store.dir, record.machine.id, tracking);
    return undefined;
  });
  host.store.transact((state: State) => {
    const {
      fenced: _standing,
      fencedEpoch: _epoch,
      fencedBy: _order,
      held: _held,
      ...owned
    } = machineOf(state, tracked.machine);
    state.put(machineKey(owned.machine.id), owned);
  });
}

function changeTracking(
  host: SimulatedHost,
  tracked: TrackedMachine,
  change: (record: MachineRecord, tracking: TrackingRecord) => TrackingRecord | undefined,
): void {
  host.store.transact((state: State) => {
    upHost(state, host.site);
    const record = machineOf(state, tracked.machine);
    refuseStaleOwner(record, tracked);
    const { tracking: _replaced, ...rest } = record;
    const tracking = change(record, ownTracking(host, record, tracked));
    state.put(machineKey(record.machine.id), { ...rest, ...(tracking && { tracking }) });
  });
}

/** Records of another item prove nothing to this one. */
function ownTracking(host: SimulatedHost, record: MachineRecord, tracked: TrackedMachine): TrackingRecord {
  if (record.tracking?.item === tracked.item) return record.tracking;
  if (record.tracking !== undefined) host.log("records of another item are not used", { item: record.tracking.item });
  return { item: tracked.item, segments: [] };
}

function freeze(record: MachineRecord, request: CutRequest): void {
  if (request.consistency !== "app-consistent" || !record.machine.running) return;
  const reason = {
    present: undefined,
    absent: "its guest agent does not answer",
    "hook-fails": "a freeze hook in it failed",
  }[record.guest.agent];
  if (reason !== undefined)
    throw new Fault(
      "GUEST_FREEZE_FAILED",
      `The file systems of ${record.machine.name} could not be frozen: ${reason}. The guest is thawed.`,
    );
}

function cutDisks(record: MachineRecord, tracked: TrackedMachine): readonly CutDisk[] {
  return tracked.disks.map((wanted) => {
    const disk = record.machine.disks.find(({ id }) => id === wanted);
    if (disk === undefined)
      throw new Fault(
        "DISK_NOT_TRACKABLE",
        `Machine ${record.machine.name} has no disk ${wanted} any more. Take it out of the item.`,
      );
    return { id: disk.id, sizeBytes: disk.sizeBytes };
  });
}

function standingRecord(
  host: SimulatedHost,
  of: {
    readonly record: MachineRecord;
    readonly request: CutRequest;
    readonly disks: readonly CutDisk[];
    readonly tracking: TrackingRecord;
  },
): StandingRecord {
  const { record, request, disks, tracking } = of;
  const frozen = request.consistency === "app-consistent" && record.machine.running;
  return {
    cut: {
      description: {
        id: request.cut,
        item: request.tracked.item,
        epoch: request.tracked.epoch,
        takenAt: hostTime(host),
        consistency: request.consistency,
        disks,
        definition: record.machine.definition,
      },
      trackedSince: Object.fromEntries(disks.map(({ id }) => [id, provableSince(tracking.segments, id, request.cut)])),
      ...(!record.machine.running && { machineOff: true as const }),
      frozenMs: frozen ? 1 : 0,
      pausedMs: 0,
    },
    scratchBlocks: Object.fromEntries(
      disks.map(({ id, sizeBytes }) => [id, Math.floor((blockCount(sizeBytes) * request.scratchPercent) / 100)]),
    ),
    savedBlocks: {},
    broken: false,
  };
}

function emptyScratch(
  dir: string,
  record: MachineRecord,
  of: { readonly standing: StandingRecord; readonly disk: CutDisk },
): void {
  const paths = scratchPaths(dir, record.machine.id, { standing: of.standing, disk: of.disk.id });
  createSparse(paths.content, of.disk.sizeBytes);
  createSparse(paths.saved, blockCount(of.disk.sizeBytes));
}
