import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";

import { requireGo } from "../bootstrap/go.ts";
import { command } from "../hosts/command.ts";
import { cacheDir } from "../hosts/lab-dir.ts";
import { bootSectorFile, buildBootLoader } from "./boot-loader.ts";
import { type BootLayout, layOutBoot } from "./boot-sector.ts";
import { makeBootableKernel } from "./bootable-kernel.ts";
import { buildInitrd } from "./initrd.ts";
import { extractKernel } from "./kernel.ts";
import { publish, unpackPackages, type UnpackedPackages } from "./packages.ts";

/** Everything guests are made from. Files in the cache: never change them. */
export interface GuestParts {
  /** The uncompressed kernel, for a start by QEMU itself. */
  readonly kernel: string;
  /** The kernel as Debian packs it: what UEFI firmware starts. */
  readonly packedKernel: string;
  /** The kernel as a boot loader wants it, unpacked all the same. */
  readonly bootKernel: string;
  readonly initrd: string;
  readonly bootSector: string;
  readonly bootLoader: string;
  /** The oracle's program; runs on this machine too. */
  readonly writer: string;
}

/**
 * Builds the guest's parts, or answers at once when they are in the cache already; changed sources mean another build. Needs apt's package lists and Go.
 */
export const buildGuest = async (
  options: {
    readonly dir?: string;
    readonly progress?: (sentence: string) => void;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<GuestParts> => {
  const { dir = path.join(cacheDir, "guest"), progress = () => undefined, signal } = options;
  await mkdir(dir, { recursive: true });
  const packages = await unpackPackages(path.join(dir, "packages"), progress, signal);
  const folder = path.join(dir, await fingerprint(packages));
  if (!existsSync(folder)) {
    await buildParts({ packages, folder, progress, signal });
    await removeOldBuilds(dir, folder);
  }
  return partsIn(folder, packages);
};

const partsIn = (folder: string, packages: UnpackedPackages): GuestParts => ({
  packedKernel: path.join(packages.root, "boot", `vmlinuz-${packages.kernel}`),
  kernel: path.join(folder, "vmlinux"),
  bootKernel: path.join(folder, "vmlinux.boot"),
  initrd: path.join(folder, "initrd.img"),
  bootSector: path.join(folder, "boot.img"),
  bootLoader: path.join(folder, "core.img"),
  writer: path.join(folder, "writer"),
});

/** Where a disk made from these parts has what. */
export const bootLayout = async (parts: GuestParts): Promise<BootLayout> =>
  layOutBoot({ kernelBytes: (await stat(parts.bootKernel)).size, initrdBytes: (await stat(parts.initrd)).size });

const buildParts = async (request: {
  readonly packages: UnpackedPackages;
  readonly folder: string;
  readonly progress: (sentence: string) => void;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> => {
  const { packages, folder, progress, signal } = request;
  const building = `${folder}.${process.pid}`;
  await rm(building, { recursive: true, force: true });
  await mkdir(building);
  const parts = partsIn(building, packages);
  try {
    progress("unpacking the guest's kernel");
    await extractKernel(parts.packedKernel, parts.kernel, signal);
    await writeFile(
      parts.bootKernel,
      makeBootableKernel(await readFile(parts.packedKernel), await readFile(parts.kernel)),
    );
    progress("building the guest's writer");
    await buildWriter(parts.writer, signal);
    progress("building the guest's RAM disk and boot loader");
    await buildInitrd({ packages, writer: parts.writer, target: parts.initrd, signal });
    await copyFile(bootSectorFile(packages), parts.bootSector);
    await buildBootLoader({ packages, layout: await bootLayout(parts), target: parts.bootLoader, signal });
    await publish(building, folder);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
};

const unusedAfterMs = 24 * 60 * 60 * 1000;

/** Builds of other sources stay for a day, as a lab that runs may start its guests from them. */
const removeOldBuilds = async (dir: string, current: string): Promise<void> => {
  for (const name of await readdir(dir)) {
    const folder = path.join(dir, name);
    if (folder === current || name === "packages") continue;
    if (Date.now() - (await stat(folder)).mtimeMs > unusedAfterMs) await rm(folder, { recursive: true, force: true });
  }
};

const writerSource = path.join(import.meta.dirname, "writer");

const buildWriter = async (target: string, signal?: AbortSignal): Promise<void> => {
  const go = await requireGo("The lab's guests run a program that is built with it");
  await command([go, "build", "-trimpath", "-ldflags", "-s -w", "-o", target, "."], {
    cwd: writerSource,
    env: { CGO_ENABLED: "0", GOFLAGS: "-mod=mod", GOTOOLCHAIN: "local", GOOS: "linux", GOARCH: "amd64" },
    signal,
  });
};

const sources = /^(writer|rootfs)\/|^(build|boot-loader|boot-sector|bootable-kernel|initrd|kernel|modules)\.ts$/;

/** Names a build by all that goes into it: the packages and the sources here that make the parts. */
const fingerprint = async (packages: UnpackedPackages): Promise<string> => {
  const hash = createHash("sha256");
  hash.update(await readFile(path.join(packages.root, "../contents.txt")));
  const entries = await readdir(import.meta.dirname, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(import.meta.dirname, path.join(entry.parentPath, entry.name)))
    .filter((file) => sources.test(file));
  for (const file of files.toSorted()) {
    hash.update(file);
    hash.update(await readFile(path.join(import.meta.dirname, file)));
  }
  return hash.digest("hex").slice(0, 16);
};
