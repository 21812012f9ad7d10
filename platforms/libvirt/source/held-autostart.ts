import { isFault } from "#domain/fault.ts";
import type { MachineId } from "#domain/ids.ts";
import type { HoldRequest } from "../../platform.ts";
import { readAutostart } from "../inventory/metadata.ts";
import { readFenceMark } from "./fence.ts";
import { readHeld, removeHeld, writeHeld } from "./held-mark.ts";
import { isRunning } from "./live-machine.ts";
import { powerOnMachine } from "./machine-power.ts";
import type { SourcePlace } from "./place.ts";

/**
 * `ReplicationSource.holdAutostart`. The mark is durable before the flag goes: whatever happens between, the machine counts as one that starts with its host. One that
 * somebody gave the flag again is taken over again. A fence knows what the machine's own start was, and nothing is held beside it.
 */
export const holdAutostart = async (
  place: SourcePlace,
  request: HoldRequest,
  signal: AbortSignal,
): Promise<{ readonly startDue: boolean }> => {
  const { host } = place;
  const { machine, since } = request;
  if ((await readFenceMark(place, machine, signal)) !== undefined) return { startDue: false };
  const { boot, mark } = await readHeld(place, machine, signal);
  const bounds = { signal, timeoutMs: 15_000, purpose: `hold the start of machine ${machine}` };
  const [info = ""] = await host.virsh([["dominfo", machine]], bounds);
  const startsItself = readAutostart(info);
  if (mark === undefined && !startsItself) return { startDue: false };
  const running = await isRunning(host, machine, signal);
  const ours = mark?.since === since ? mark : undefined;
  const ranIn = running ? boot : (ours?.boot ?? boot);
  if (ours?.boot !== ranIn) await writeHeld(place, { version: 1, ...request, boot: ranIn }, signal);
  if (startsItself) await host.virsh([["autostart", machine, "--disable"]], bounds);
  return { startDue: !running && ranIn !== boot };
};

/** `ReplicationSource.startHeld`. The fence is looked at last: one that comes after that turns off what was started. */
export const startHeld = async (
  place: SourcePlace,
  request: HoldRequest,
  signal: AbortSignal,
): Promise<{ readonly started: boolean }> => {
  const { machine } = request;
  const { startDue } = await holdAutostart(place, request, signal);
  if (!startDue || (await readFenceMark(place, machine, signal)) !== undefined) return { started: false };
  await powerOnMachine(place.host, machine, signal);
  // Somebody may shut it down before the next look: it is not started a second time.
  const { boot } = await readHeld(place, machine, signal);
  await writeHeld(place, { version: 1, ...request, boot }, signal);
  return { started: true };
};

/** `ReplicationSource.giveAutostartBack`. The flag comes first: a crash in between leaves it held still, and it is given back again. */
export const giveAutostartBack = async (place: SourcePlace, machine: MachineId, signal: AbortSignal): Promise<void> => {
  const { mark } = await readHeld(place, machine, signal);
  if (mark === undefined) return;
  // What is fenced must not start; its fence gives the start back when it is lifted.
  if ((await readFenceMark(place, machine, signal)) === undefined) {
    const bounds = { signal, timeoutMs: 15_000, purpose: `give the start of machine ${machine} back to its host` };
    try {
      await place.host.virsh([["autostart", machine]], bounds);
    } catch (error) {
      // Nothing is there that could start.
      if (!isFault(error) || error.code !== "MACHINE_NOT_FOUND") throw error;
    }
  }
  await removeHeld(place, machine, signal);
};
