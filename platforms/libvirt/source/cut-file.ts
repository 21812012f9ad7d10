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
      /** Of a machine that was off: what tells that nobody has written to its images since. Absent where it could tell too little. */
      readonly marks?: string;
    };
export type StandingCutFile = Extract<CutFile, { readonly state: "standing" }>;

/** The item's folder on the source host: scratch, sockets and the cut file. */
export const cutFolder = (store: string, item: ItemName): string => `${store}/source/${encodeURIComponent(item)}`;

/** The cut that stands; or the one that was released last, where the machine was off and still is. */
export type CutFileName = "cut.json" | "released.json";

/** Absent when there is no cut. A file that cannot be read as one counts as half-made. */
export const readCutFile = async (
  host: HostConnection,
  folder: string,
  signal: AbortSignal,
  name: CutFileName = "cut.json",
): Promise<CutFile | undefined> => {
  const { stdout } = await host.run(`cat "$1/$2" 2>/dev/null || test ! -e "$1/$2"`, [folder, name], {
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
      `The file ${folder}/${name} on host ${host.name} is not what a worker wrote there. Remove it; the cut it spoke of is then taken again.`,
      {
        cause: error,
        details: { host: host.name, folder },
      },
    );
  }
  throw new Fault(
    "COMMAND_FAILED",
    `The file ${folder}/${name} on host ${host.name} was written by a newer version of this program. Use that one.`,
    { details: { host: host.name, folder } },
  );
};

/** Replaces it atomically. */
export const writeCutFile = async (
  host: HostConnection,
  write: { readonly folder: string; readonly file: CutFile; readonly name?: CutFileName },
  signal: AbortSignal,
): Promise<void> => {
  const { folder, file, name = "cut.json" } = write;
  await host.run(`umask 077; cat >"$1/$2.new" && mv "$1/$2.new" "$1/$2"`, [folder, name], {
    signal,
    timeoutMs: 10_000,
    purpose: "write which cut stands",
    stdin: JSON.stringify(file),
  });
};
