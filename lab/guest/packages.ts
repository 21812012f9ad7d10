import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { Fault } from "#domain/fault.ts";

import { command } from "../hosts/command.ts";
import { guestPackages } from "../packages.ts";

/** The unpacked Debian packages a guest is made of: `root` is their file tree, `kernel` the version under `boot/` and `lib/modules`. */
export interface UnpackedPackages {
  readonly root: string;
  readonly kernel: string;
}

/** Downloads the packages with apt and unpacks them in `dir`, installing nothing; once, as long as their list and the folder stay. `COMMAND_FAILED` without a package source. */
export const unpackPackages = async (
  dir: string,
  progress: (sentence: string) => void,
  signal?: AbortSignal,
): Promise<UnpackedPackages> => {
  const list = createHash("sha256").update(guestPackages.join(" ")).digest("hex").slice(0, 8);
  const folder = path.join(dir, `packages-${list}`);
  if (!existsSync(folder)) await download(folder, progress, signal);
  const kernel = (await readdir(path.join(folder, "root/lib/modules")))[0];
  if (kernel === undefined) {
    throw new Fault("INTERNAL", `${folder} holds no kernel; delete that folder to have the packages downloaded again.`);
  }
  return { root: path.join(folder, "root"), kernel };
};

const download = async (folder: string, progress: (sentence: string) => void, signal?: AbortSignal): Promise<void> => {
  const building = `${folder}.${process.pid}`;
  await rm(building, { recursive: true, force: true });
  await mkdir(path.join(building, "root"), { recursive: true });
  try {
    const names = await resolveKernel(guestPackages, signal);
    progress(`downloading ${names.join(", ")}`);
    // as root without its sandbox user, who could not write here
    await command(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", ...names], { cwd: building, signal });
    const archives = (await readdir(building)).filter((name) => name.endsWith(".deb"));
    for (const archive of archives)
      await command(["dpkg-deb", "-x", path.join(building, archive), path.join(building, "root")], { signal });
    await Promise.all(archives.map((archive) => rm(path.join(building, archive))));
    await writeFile(path.join(building, "contents.txt"), `${archives.toSorted().join("\n")}\n`);
    await publish(building, folder);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
};

/** Gives a finished folder its name. When another process was faster its result is as good. */
export const publish = async (building: string, folder: string): Promise<void> => {
  try {
    await rename(building, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
};

/** `linux-image-cloud-amd64` is a name that depends on the newest kernel's package. */
const resolveKernel = async (names: readonly string[], signal?: AbortSignal): Promise<readonly string[]> => {
  const { stdout } = await command(["apt-cache", "depends", "linux-image-cloud-amd64"], { signal });
  const kernel = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (kernel === undefined) {
    throw new Fault(
      "COMMAND_FAILED",
      `apt knows no package linux-image-cloud-amd64; bring its lists up to date: apt-get update`,
    );
  }
  return names.map((name) => (name === "linux-image-cloud-amd64" ? kernel : name));
};
