import type { CutDescription } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { CutId, DiskId, ItemName, MachineId } from "#domain/ids.ts";
import type { StandingCut } from "../../platform.ts";
import type { HostConnection } from "../host.ts";

/**
 * What stands beside a cut's scratch files on the host. `preparing` is written before anything is done to the machine, `standing` once the instant is taken
 * and readable: a cut that a worker left half-made is never taken for one.
 */
export type CutFile =
  | { readonly version: 1; readonly state: "preparing"; readonly cut: CutId; readonly machine: MachineId }
  | {
      readonly version: 1;
      readonly state: "standing";
      readonly cut: CutId;
      readonly machine: MachineId;
      /** Taken of a machine that was shut off: its images are read where they are. */
      readonly offline: boolean;
      readonly images: Readonly<Record<DiskId, string>>;
      readonly description: CutDescription;
      readonly frozenMs: number;
      readonly pausedMs: number;
      readonly warnings?: NonNullable<StandingCut["warnings"]>;
    };
export type StandingCutFile = Extract<CutFile, { readonly state: "standing" }>;

/** The item's folder on the source host: scratch, sockets and the cut file. */
export const cutFolder = (store: string, item: ItemName): string => `${store}/source/${encodeURIComponent(item)}`;

/** Absent when there is no cut. A file that cannot be read as one counts as half-made. */
export const readCutFile = async (
  host: HostConnection,
  folder: string,
  signal: AbortSignal,
): Promise<CutFile | undefined> => {
  const { stdout } = await host.run(`cat "$1/cut.json" 2>/dev/null || test ! -e "$1/cut.json"`, [folder], {
    signal,
    timeoutMs: 10_000,
    purpose: "read which cut stands",
  });
  if (stdout === "") return undefined;
  try {
    const file = JSON.parse(stdout) as CutFile;
    if (file.version === 1) return file;
  } catch (error) {
    throw new Fault(
      "COMMAND_FAILED",
      `The file ${folder}/cut.json on host ${host.name} is not what a worker wrote there. Remove it; the cut it spoke of is then taken again.`,
      {
        cause: error,
        details: { host: host.name, folder },
      },
    );
  }
  throw new Fault(
    "COMMAND_FAILED",
    `The file ${folder}/cut.json on host ${host.name} was written by a newer version of this program. Use that one.`,
    { details: { host: host.name, folder } },
  );
};

/** Replaces it atomically. */
export const writeCutFile = async (
  host: HostConnection,
  folder: string,
  file: CutFile,
  signal: AbortSignal,
): Promise<void> => {
  await host.run(`umask 077; cat >"$1/cut.json.new" && mv "$1/cut.json.new" "$1/cut.json"`, [folder], {
    signal,
    timeoutMs: 10_000,
    purpose: "write which cut stands",
    stdin: JSON.stringify(file),
  });
};
