import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";

import { requireGo } from "../bootstrap/go.ts";
import { command } from "../hosts/command.ts";
import { cacheDir } from "../hosts/lab-dir.ts";
import { bootPartitionContent } from "./boot-sector.ts";
import { makeBootableKernel } from "./bootable-kernel.ts";
import { buildInitrd } from "./initrd.ts";
import { kernelArguments } from "./kernel-arguments.ts";
import { extractKernel } from "./kernel.ts";
import { publish, unpackPackages, type UnpackedPackages } from "./packages.ts";

/** Everything guests are made from. Files in the cache: never change them. */
export interface GuestParts {
  /** The uncompressed kernel, for a start by QEMU itself. */
  readonly kernel: string;
  /** The kernel as Debian packs it: what UEFI firmware starts. */
  readonly packedKernel: string;
  readonly initrd: string;
  /** What a disk's boot partition holds: kernel and RAM disk. */
  readonly bootPartition: string;
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
  const packages = await unpackPackages(dir, progress, signal);
  const folder = path.join(dir, await fingerprint(packages));
  if (!existsSync(folder)) {
    await buildParts({ packages, folder, progress, signal });
    await removeOldBuilds(dir, [folder, path.dirname(packages.root)]);
  }
  return partsIn(folder, packages);
};

const partsIn = (folder: string, packages: UnpackedPackages): GuestParts => ({
  packedKernel: path.join(packages.root, "boot", `vmlinuz-${packages.kernel}`),
  kernel: path.join(folder, "vmlinux"),
  initrd: path.join(folder, "initrd.img"),
  bootPartition: path.join(folder, "boot.img"),
  writer: path.join(folder, "writer"),
});

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
    progress("building the guest's writer");
    await buildWriter(parts.writer, signal);
    progress("building the guest's RAM disk");
    await buildInitrd({ packages, writer: parts.writer, target: parts.initrd, signal });
    await writeFile(parts.bootPartition, await bootPartition(parts));
    await publish(building, folder);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
};

const bootPartition = async (parts: GuestParts): Promise<Buffer> => {
  const initrd = await readFile(parts.initrd);
  const kernel = makeBootableKernel({
    bzImage: await readFile(parts.packedKernel),
    kernel: await readFile(parts.kernel),
    initrdBytes: initrd.length,
    kernelArguments,
  });
  return bootPartitionContent(kernel, initrd);
};

const unusedAfterMs = 24 * 60 * 60 * 1000;

/** Builds of other sources stay for a day, as a lab that runs may start its guests from them. */
const removeOldBuilds = async (dir: string, current: readonly string[]): Promise<void> => {
  for (const name of await readdir(dir)) {
    const folder = path.join(dir, name);
    if (current.includes(folder)) continue;
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

const sources = /^(writer|rootfs)\/|^(build|boot-sector|bootable-kernel|kernel-arguments|initrd|kernel|modules)\.ts$/;

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
