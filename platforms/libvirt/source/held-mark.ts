import type { MachineId } from "#domain/ids.ts";
import type { HoldRequest } from "../../platform.ts";
import type { SourcePlace } from "./place.ts";

/** A machine whose start with its host has been taken over: its own autostart is off, and counts as on. */
export interface HeldMark extends HoldRequest {
  readonly version: 1;
  /** The host's boot (`/proc/sys/kernel/random/boot_id`) that the machine was last seen running in; of one that was off when it was taken over, the boot of then. */
  readonly boot: string;
}

const heldFolder = (store: string): string => `${store}/held`;
export const heldPath = (store: string, machine: MachineId): string => `${heldFolder(store)}/${machine}.json`;

/** `boot`: the host's present one. */
export const readHeld = async (
  { host, store }: SourcePlace,
  machine: MachineId,
  signal: AbortSignal,
): Promise<{ readonly boot: string; readonly mark?: HeldMark }> => {
  const { stdout } = await host.run(
    `cat /proc/sys/kernel/random/boot_id; if [ -e "$1" ]; then cat "$1"; fi`,
    [heldPath(store, machine)],
    { signal, timeoutMs: 10_000, purpose: `see whether the start of machine ${machine} is held` },
  );
  const [boot = "", mark = ""] = stdout.split("\n");
  return { boot, ...(mark !== "" && { mark: JSON.parse(mark) as HeldMark }) };
};

/** On the disk when it resolves. */
export const writeHeld = async ({ host, store }: SourcePlace, mark: HeldMark, signal: AbortSignal): Promise<void> => {
  await host.run(
    `set -e; umask 077; mkdir -p "$1"; cat >"$2.new"; sync "$2.new"; mv "$2.new" "$2"; sync "$1"`,
    [heldFolder(store), heldPath(store, mark.machine)],
    {
      signal,
      timeoutMs: 15_000,
      purpose: `write down that the start of machine ${mark.machine} is held`,
      stdin: JSON.stringify(mark),
    },
  );
};

export const removeHeld = async (
  { host, store }: SourcePlace,
  machine: MachineId,
  signal: AbortSignal,
): Promise<void> => {
  await host.run(`rm -f "$1"`, [heldPath(store, machine)], {
    signal,
    timeoutMs: 15_000,
    purpose: `end that the start of machine ${machine} is held`,
  });
};
