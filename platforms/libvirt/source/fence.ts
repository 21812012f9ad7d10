import { Fault, isFault } from "#domain/fault.ts";
import type { ItemName, MachineId } from "#domain/ids.ts";
import { readAutostart } from "../inventory/metadata.ts";
import { heldPath, readHeld } from "./held-mark.ts";
import type { SourcePlace } from "./place.ts";
import { destroy, powerOnMachine } from "./machine-power.ts";
import { isRunning } from "./live-machine.ts";

/** A machine that must not serve: what another activation with a higher epoch left behind. `autostart` is what it was before, also where it was held (`held-mark.ts`): the fence takes that over. */
export interface FenceMark {
  readonly version: 1;
  readonly item: ItemName;
  readonly machine: MachineId;
  readonly epoch: number;
  readonly autostart: boolean;
  /** The order that fenced it, and whether it was running then: given again, because its answer got lost on the way, it answers the same. */
  readonly order?: string;
  readonly foundRunning?: boolean;
}

/**
 * Keeps an old primary from serving. The mark comes first and is durable, so that a crash in between leaves more fenced, not less; then the host may not start
 * it by itself; then it is turned off. Rejects with `STALE_EPOCH` where it is fenced under a newer one. Answers whether it was found running.
 */
export const fenceMachine = async (
  place: SourcePlace,
  request: {
    readonly item: ItemName;
    readonly machine: MachineId;
    readonly epoch: number;
    /** The operation's id. */
    readonly order: string;
  },
  signal: AbortSignal,
): Promise<{ readonly wasRunning: boolean }> => {
  const { host, store } = place;
  const { item, machine, epoch, order } = request;
  const bounds = { signal, timeoutMs: 30_000, purpose: `fence machine ${machine}` };
  const before = await readFenceMark(place, machine, signal);
  refuseStaleOwner(place, { item, machine, epoch }, before);
  const [info = ""] = await host.virsh([["dominfo", machine]], bounds);
  const { mark: held } = await readHeld(place, machine, signal);
  const lifted = await readLifted(place, machine, signal);
  const foundRunning =
    (before?.order === order && before.foundRunning === true) || (await isRunning(host, machine, signal));
  const mark: FenceMark = {
    version: 1,
    item,
    machine,
    epoch,
    autostart: before?.autostart ?? (readAutostart(info) || held !== undefined || lifted?.autostart === true),
    order,
    foundRunning,
  };
  await host.run(
    `set -e; umask 077; mkdir -p "$1"; cat >"$2.new"; sync "$2.new"; mv "$2.new" "$2"; sync "$1"; rm -f "$3" "$4"`,
    [fenceFolder(store), fencePath(store, machine), heldPath(store, machine), liftedPath(store, machine)],
    { ...bounds, stdin: JSON.stringify(mark) },
  );
  if (!/^Persistent:\s+no/m.test(info)) await host.virsh([["autostart", machine, "--disable"]], bounds);
  const runs = await isRunning(host, machine, signal);
  if (runs) await destroy(host, machine, signal);
  return { wasRunning: runs || foundRunning };
};

/** Throws `STALE_EPOCH` for an order under an older epoch than the fence's: the machine belongs to the past of whoever gives it. */
export const refuseStaleOwner = (
  { host, store }: SourcePlace,
  asked: { readonly item: ItemName; readonly machine: MachineId; readonly epoch: number },
  mark: FenceMark | undefined,
): void => {
  const { item, machine, epoch } = asked;
  if (mark === undefined || epoch >= mark.epoch) return;
  throw new Fault(
    "STALE_EPOCH",
    `Machine ${machine} on host ${host.name} was fenced under epoch ${mark.epoch.toString()}; item ${item} asks under the older epoch ${epoch.toString()}. If no stand-in of it runs anywhere, remove ${fencePath(store, machine)} there.`,
    { details: { host: host.name, machine, epoch: mark.epoch, asked: epoch } },
  );
};

/** `ReplicationSource.keepFenced`. The mark is looked at after the machine was seen running: a lawful start takes it away before it begins. */
export const keepFenced = async (
  place: SourcePlace,
  request: { readonly machine: MachineId; readonly epoch: number },
  signal: AbortSignal,
): Promise<{ readonly wasRunning: boolean }> => {
  const { machine, epoch } = request;
  if (!(await isRunning(place.host, machine, signal))) return { wasRunning: false };
  const mark = await readFenceMark(place, machine, signal);
  if (mark === undefined || mark.epoch < epoch) return { wasRunning: false };
  await destroy(place.host, machine, signal);
  return { wasRunning: true };
};

/** `ReplicationSource.keepOn`. The mark is looked at last, and once more after the start: a fence that came in between may have seen the machine off. */
export const keepOn = async (
  place: SourcePlace,
  machine: MachineId,
  signal: AbortSignal,
): Promise<{ readonly wasOff: boolean }> => {
  if (await isRunning(place.host, machine, signal)) return { wasOff: false };
  if ((await readFenceMark(place, machine, signal)) !== undefined) return { wasOff: false };
  await powerOnMachine(place.host, machine, signal);
  if ((await readFenceMark(place, machine, signal)) === undefined) return { wasOff: true };
  await destroy(place.host, machine, signal);
  return { wasOff: false };
};

/** Takes the fence away, for the machine's lawful start, also one that was taken back only by half; autostart becomes what it was. */
export const unfenceMachine = async (place: SourcePlace, machine: MachineId, signal: AbortSignal): Promise<void> => {
  const { host, store } = place;
  const mark = (await readFenceMark(place, machine, signal)) ?? (await readLifted(place, machine, signal));
  if (mark === undefined) return;
  const bounds = { signal, timeoutMs: 15_000, purpose: `unfence machine ${machine}` };
  if (mark.autostart) await host.virsh([["autostart", machine]], bounds);
  await host.run(`rm -f "$1" "$2"`, [fencePath(store, machine), liftedPath(store, machine)], bounds);
};

/** `ReplicationSource.unfence`. The mark is laid aside until it is done, so that the same order, given again after a crash, still knows what it has to start. */
export const takeFenceBack = async (
  place: SourcePlace,
  machine: MachineId,
  { start, signal }: { readonly start: () => Promise<void>; readonly signal: AbortSignal },
): Promise<{ readonly started: boolean }> => {
  const { host, store } = place;
  const lifted = liftedPath(store, machine);
  const bounds = { signal, timeoutMs: 15_000, purpose: `take the fence of machine ${machine} back` };
  const { stdout } = await host.run(
    `if [ -e "$1" ]; then mv -f "$1" "$2"; fi; if [ -e "$2" ]; then cat "$2"; fi`,
    [fencePath(store, machine), lifted],
    bounds,
  );
  if (stdout === "") return { started: false };
  const { autostart, foundRunning = false } = JSON.parse(stdout) as FenceMark;
  if (autostart) await host.virsh([["autostart", machine]], bounds);
  const done = () => host.run(`rm -f "$1"`, [lifted], bounds);
  try {
    if (foundRunning) await start();
  } catch (error) {
    // It is not tried again: whoever mends that starts it.
    if (isFault(error) && error.code === "POWER_ON_FAILED") await done();
    throw error;
  }
  await done();
  return { started: foundRunning };
};

/** The machine is its owner's again. What its host does with it when it starts stays as it is: another machine may serve in its place. */
export const forgetFence = async (
  { host, store }: SourcePlace,
  machine: MachineId,
  signal: AbortSignal,
): Promise<void> => {
  const marks = [fencePath(store, machine), liftedPath(store, machine), heldPath(store, machine)];
  await host.run(`rm -f "$@"`, marks, {
    signal,
    timeoutMs: 15_000,
    purpose: `take the fence of machine ${machine} away`,
  });
};

export const readFenceMark = async (
  { host, store }: SourcePlace,
  machine: MachineId,
  signal: AbortSignal,
): Promise<FenceMark | undefined> => {
  const { stdout } = await host.run(`if [ -e "$1" ]; then cat "$1"; fi`, [fencePath(store, machine)], {
    signal,
    timeoutMs: 10_000,
    purpose: `see whether machine ${machine} is fenced`,
  });
  return stdout === "" ? undefined : (JSON.parse(stdout) as FenceMark);
};

/** A fence that was taken back, until all of that is done: it keeps nothing from serving. */
export const readLifted = async (
  { host, store }: SourcePlace,
  machine: MachineId,
  signal: AbortSignal,
): Promise<FenceMark | undefined> => {
  const { stdout } = await host.run(`if [ -e "$1" ]; then cat "$1"; fi`, [liftedPath(store, machine)], {
    signal,
    timeoutMs: 10_000,
    purpose: `look for a fence of machine ${machine} that was taken back by half`,
  });
  return stdout === "" ? undefined : (JSON.parse(stdout) as FenceMark);
};

const fenceFolder = (store: string): string => `${store}/fenced`;
export const fencePath = (store: string, machine: MachineId): string => `${fenceFolder(store)}/${machine}.json`;
const liftedPath = (store: string, machine: MachineId): string => `${fencePath(store, machine)}.lifted`;
