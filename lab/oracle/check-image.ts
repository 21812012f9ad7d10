import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { Fault, isFault } from "#domain/fault.ts";

import { buildGuest } from "../guest/build.ts";
import { command } from "../hosts/command.ts";
import { copyFileSystem, type ImageSource } from "./image.ts";

/** What an image of a guest's disks says of itself. */
export interface Verdict {
  /** It is one instant of the guest: file systems sound after journal replay, all records up to the head whole, none from later. */
  readonly ok: boolean;
  /** The newest record known durable, and the newest there is: the same or one more. */
  readonly head: number;
  readonly last: number;
  /** When the head's record was written, by the guest's clock, in ns since 1970; 0 when there is none. */
  readonly headNs: bigint;
  /** The run of the guest that wrote it. */
  readonly boot: bigint;
  /** The record the writer rested at in the newest application-consistent freeze; equal to `head` in an image taken in it. */
  readonly quiesced: number;
  /** The file systems were unmounted, or frozen, when the image was taken: there was no journal to replay. */
  readonly clean: boolean;
  readonly problems: readonly string[];
}

/**
 * Judges the images of a guest's disks, first disk first, without booting or mounting: copies the file systems out, replays their journals, has the file systems checked
 * whole, and reads the writer's records. Images in use may be given when their files do not change (sealed layers).
 */
export const checkImages = async (
  disks: readonly ImageSource[],
  options: { readonly signal?: AbortSignal | undefined; readonly folder?: string } = {},
): Promise<Verdict> => {
  const { signal } = options;
  const folder = await mkdtemp(path.join(options.folder ?? tmpdir(), "understudy-oracle-"));
  try {
    const problems: string[] = [];
    let clean = true;
    const records: string[] = [];
    for (const [number, source] of disks.entries()) {
      const raw = path.join(folder, `${number}.raw`);
      await copyFileSystem({ source, target: raw, signal });
      clean = (await isClean(raw, signal)) && clean;
      problems.push(...(await replayAndCheck(raw, number, signal)));
      const out = path.join(folder, String(number));
      await mkdir(out);
      for (const name of ["journal", "head", "quiesced"])
        await command(["debugfs", "-R", `dump /${name} ${out}/${name}`, raw], { signal });
      await rm(raw);
      records.push(out);
    }
    const found = await judgeRecords(records, signal);
    return { ...found, ok: found.ok && problems.length === 0, clean, problems: [...problems, ...found.problems] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Judges folders with the writer's files: one folder a disk, first disk first. */
export const judgeRecords = async (
  folders: readonly string[],
  signal?: AbortSignal,
): Promise<Omit<Verdict, "clean">> => {
  const { writer } = await buildGuest({ signal });
  const said = JSON.parse(await checkOutput([writer, "check", ...folders], signal)) as WriterVerdict;
  return { ...said, headNs: BigInt(said.headNs), boot: BigInt(said.boot) };
};

interface WriterVerdict {
  readonly ok: boolean;
  readonly head: number;
  readonly last: number;
  readonly headNs: string;
  readonly boot: string;
  readonly quiesced: number;
  readonly problems: readonly string[];
}

/** A verdict of "not ok" is exit 1 with the verdict on standard output all the same. */
const checkOutput = async (argv: readonly string[], signal?: AbortSignal): Promise<string> => {
  try {
    return (await command(argv, { signal })).stdout;
  } catch (error) {
    const stdout = isFault(error) ? error.details["stdout"] : undefined;
    if (typeof stdout === "string" && stdout.startsWith("{")) return stdout;
    throw error;
  }
};

const isClean = async (raw: string, signal?: AbortSignal): Promise<boolean> => {
  const { stdout } = await command(["dumpe2fs", "-h", raw], { signal });
  return !/needs_recovery/.test(stdout);
};

const replayAndCheck = async (raw: string, number: number, signal?: AbortSignal): Promise<readonly string[]> => {
  try {
    await e2fsck(["-E", "journal_only", "-y"], raw, [0, 1], signal);
    await e2fsck(["-f", "-n"], raw, [0], signal);
    return [];
  } catch (error) {
    if (!isFault(error) || error.code !== "COMMAND_FAILED") throw error;
    return [`the file system of disk ${number} is damaged: ${error.message}`];
  }
};

/** e2fsck(8): 0 nothing wrong, 1 corrected (a journal replayed), 4 errors left. */
const e2fsck = async (
  options: readonly string[],
  raw: string,
  allowed: readonly number[],
  signal?: AbortSignal,
): Promise<void> => {
  try {
    await command(["e2fsck", ...options, raw], { signal });
  } catch (error) {
    const exit = isFault(error) ? error.details["exitCode"] : undefined;
    if (typeof exit === "number" && allowed.includes(exit)) return;
    if (!isFault(error)) throw error;
    const words = String(error.details["stdout"]).trim().split("\n").slice(-4).join(" | ");
    throw new Fault(error.code, `${error.message} ${words}`, { cause: error, details: error.details });
  }
};
