import { instant } from "#domain/ids.ts";
import type { CutRequest, StandingCut } from "../../platform.ts";
import type { HostConnection, QmpCommand } from "../host.ts";
import type { BlockNode } from "./block-graph.ts";
import { cutFolder, type StandingCutFile, writeCutFile } from "./cut-file.ts";
import { readFirmwareVariables } from "./firmware-variables.ts";
import { freezeLimitSeconds, whileFrozen } from "./freeze.ts";
import type { LiveDisk } from "./live-disks.ts";
import { type LiveMachine, readLiveMachine } from "./live-machine.ts";
import { nodeName } from "./node-names.ts";
import type { SourcePlace } from "./place.ts";
import { makeScratch, scratchLimit, scratchNode, scratchPath } from "./scratch.ts";
import { standingOf } from "./standing.ts";
import { recordGranularity, recordName } from "./tracking-record.ts";
import { readAndUndo, switchGates } from "./undo.ts";

/** A write that waits longer than this for the scratch breaks the cut instead. */
const scratchTimeoutSeconds = 2;

/**
 * One instant of a running machine: record, filter, instant, in that order, so that the record is a superset of what changed. The guest goes on all the
 * while; what it overwrites is copied to the scratch first, and when that cannot be done the filter lets the cut break and the write through.
 */
export const takeLiveCut = async (
  place: SourcePlace,
  request: CutRequest,
  machine: LiveMachine,
  signal: AbortSignal,
): Promise<StandingCut> => {
  const { host, store } = place;
  const { tracked, cut } = request;
  const folder = cutFolder(store, tracked.item);
  try {
    const running = { id: tracked.machine, definition: machine.definition, running: true };
    const { files, warnings } = await readFirmwareVariables(place, running, signal);
    const hostClock = await makeScratch(
      host,
      {
        folder,
        disks: machine.disks.map(({ id, image }) => ({ id, sizeBytes: image.sizeBytes, image: image.filename })),
        percent: request.scratchPercent,
        cut,
        machine: tracked.machine,
        flush: machine.disks.length > 1,
      },
      signal,
    );
    const clockRead = performance.now();
    const bounds = { signal, timeoutMs: 30_000, purpose: `take a cut of machine ${tracked.machine}` };
    await host.monitor(tracked.machine, buildCommands(request, machine.disks, folder), bounds);
    const take = async (): Promise<{ readonly takenAt: number; readonly pausedMs: number }> => {
      const began = performance.now();
      await host.monitor(tracked.machine, [instantCommand(request, machine.disks)], bounds);
      // The clock was read before the instant and only real time was added: never later than the instant.
      return { takenAt: hostClock + (began - clockRead), pausedMs: roundMs(performance.now() - began) };
    };
    const freeze = { machine: tracked.machine, folder, limitSeconds: freezeLimitSeconds };
    const { value: taken, frozenMs } =
      request.consistency === "app-consistent"
        ? await whileFrozen(host, freeze, signal, take)
        : { value: await take(), frozenMs: 0 };
    await host.monitor(tracked.machine, accessCommands(request, machine.disks), bounds);
    const file: StandingCutFile = {
      version: 1,
      state: "standing",
      cut,
      machine: tracked.machine,
      offline: false,
      images: {},
      description: {
        id: cut,
        item: tracked.item,
        epoch: tracked.epoch,
        takenAt: instant(taken.takenAt),
        consistency: request.consistency,
        disks: machine.disks.map(({ id, image }) => ({ id, sizeBytes: image.sizeBytes })),
        definition: machine.definition,
        ...(files && { files }),
      },
      frozenMs,
      pausedMs: taken.pausedMs,
      ...(warnings && { warnings }),
    };
    await writeCutFile(host, { folder, file }, signal);
    return standingOf(file, machine.disks, tracked);
  } catch (error) {
    await giveUp(host, request, folder).catch(() => undefined); // The next cut or release does it; `error` is what the caller must hear.
    throw error;
  }
};

const roundMs = (ms: number): number => Math.round(ms * 10) / 10;

/** Not cancelled with the caller: a half-made cut is taken away even then. */
const giveUp = async (host: HostConnection, request: CutRequest, folder: string): Promise<void> => {
  const { tracked, cut } = request;
  const signal = AbortSignal.timeout(20_000);
  await readAndUndo(host, { machine: tracked.machine, item: tracked.item, folder }, signal);
  const { disks } = await readLiveMachine(host, tracked, signal);
  await host.monitor(tracked.machine, forgetCommands(request, disks), {
    signal,
    timeoutMs: 15_000,
    purpose: `forget the record of cut ${cut}`,
  });
};

/** The record of a cut that never stood says nothing. */
export const forgetCommands = (request: CutRequest, disks: readonly LiveDisk[]): readonly QmpCommand[] =>
  disks.flatMap(({ image }) =>
    image.bitmaps
      .filter(({ name }) => name === recordOf(request, image))
      .map(({ name }) => ({ execute: "block-dirty-bitmap-remove", arguments: { node: image.name, name } })),
  );

const recordOf = ({ tracked, cut }: CutRequest, { sizeBytes, filename }: BlockNode): string =>
  recordName({ item: tracked.item, epoch: tracked.epoch, cut, sizeBytes, imagePath: filename });

const gated = (disks: readonly LiveDisk[]): boolean => disks.length > 1;

/** Everything that has no effect on what the cut will be. */
const buildCommands = (request: CutRequest, disks: readonly LiveDisk[], folder: string): readonly QmpCommand[] => {
  const name = (disk: LiveDisk, role: "scr" | "cbw" | "gat"): string =>
    nodeName({ item: request.tracked.item, cut: request.cut }, disk.id, role);
  return [
    {
      execute: "transaction",
      arguments: {
        actions: disks.map(({ image }) => ({
          type: "block-dirty-bitmap-add",
          data: {
            node: image.name,
            name: recordOf(request, image),
            persistent: true,
            granularity: recordGranularity,
          },
        })),
      },
    },
    ...disks.flatMap((disk) => [
      {
        execute: "blockdev-add",
        arguments: scratchNode({
          name: name(disk, "scr"),
          path: scratchPath(folder, disk.id),
          limitBytes: scratchLimit(disk.image.sizeBytes, request.scratchPercent),
        }),
      },
      {
        execute: "blockdev-add",
        arguments: {
          driver: "copy-before-write",
          "node-name": name(disk, "cbw"),
          file: disk.base,
          target: name(disk, "scr"),
          "on-cbw-error": "break-snapshot",
          "cbw-timeout": scratchTimeoutSeconds,
        },
      },
    ]),
    ...(gated(disks)
      ? disks.flatMap((disk) => [
          {
            execute: "blockdev-add",
            arguments: { driver: "raw", "node-name": name(disk, "gat"), file: disk.base },
          },
          setDrive(disk, name(disk, "gat")),
        ])
      : []),
  ];
};

/** The one command that is the instant. One disk: its filter becomes its drive. Several: all gates get their filters in one go. */
const instantCommand = (request: CutRequest, disks: readonly LiveDisk[]): QmpCommand => {
  const name = (disk: LiveDisk, role: "cbw" | "gat"): string =>
    nodeName({ item: request.tracked.item, cut: request.cut }, disk.id, role);
  const [only] = disks;
  return only !== undefined && !gated(disks)
    ? setDrive(only, name(only, "cbw"))
    : switchGates(disks.map((disk) => ({ gate: name(disk, "gat"), file: name(disk, "cbw") })));
};

const setDrive = (disk: LiveDisk, node: string): QmpCommand => ({
  execute: "qom-set",
  arguments: { path: disk.device, property: "drive", value: node },
});

const accessCommands = ({ tracked, cut }: CutRequest, disks: readonly LiveDisk[]): readonly QmpCommand[] =>
  disks.map(({ id }) => ({
    execute: "blockdev-add",
    arguments: {
      driver: "snapshot-access",
      "node-name": nodeName({ item: tracked.item, cut }, id, "acc"),
      file: nodeName({ item: tracked.item, cut }, id, "cbw"),
    },
  }));
