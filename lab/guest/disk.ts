import { randomFillSync } from "node:crypto";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { command } from "../hosts/command.ts";
import { bootPartitionOffset, bootSector, fileSystemOffset } from "./boot-sector.ts";
import type { GuestParts } from "./build.ts";
import { settingsText, type GuestSettings } from "./settings.ts";

const mib = 1024 * 1024;

/** One disk of a guest. */
export interface DiskRequest {
  /** The image to make. */
  readonly file: string;
  readonly sizeBytes: number;
  readonly format: "qcow2" | "raw";
  /** 0 for the first disk: it carries the settings and the file that the writer overwrites at a rate. */
  readonly number: number;
  /** The size of that file, filled with random bytes. */
  readonly blobBytes: number;
  /** The first disk boots by itself: boot loader, kernel and RAM disk are on it. */
  readonly bootable: boolean;
  readonly settings: GuestSettings;
  readonly parts: GuestParts;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a guest's disk with its file system. Needs neither mount nor loop device. */
export const createDisk = async (request: DiskRequest): Promise<void> => {
  const { file, sizeBytes, format, signal } = request;
  const raw = format === "raw" ? file : `${file}.raw`;
  const seed = `${file}.seed`;
  try {
    await fillSeed(seed, request);
    const offset = await beginImage(raw, request);
    await command(
      [
        "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-L",
        diskLabel(request.number),
        "-d",
        seed,
        "-E",
        `offset=${offset}`,
        raw,
        `${(sizeBytes - offset) / 1024}k`,
      ],
      { signal },
    );
    if (format === "qcow2") await command(["qemu-img", "convert", "-O", "qcow2", raw, file], { signal });
  } finally {
    await rm(seed, { recursive: true, force: true });
    if (format === "qcow2") await rm(raw, { force: true });
  }
};

/** Makes the empty image, with what it takes to boot where that is wanted; answers where the file system goes. */
const beginImage = async (raw: string, { sizeBytes, bootable, parts }: DiskRequest): Promise<number> => {
  await using image = await open(raw, "w");
  await image.truncate(sizeBytes);
  if (!bootable) return 0;
  const content = await readFile(parts.bootPartition);
  const sector = bootSector({ contentBytes: content.length, diskBytes: sizeBytes });
  await image.write(sector, 0, sector.length, 0);
  await image.write(content, 0, content.length, bootPartitionOffset);
  return fileSystemOffset(content.length);
};

/** The file system's name, by which the guest finds its disks whatever bus they hang on. */
export const diskLabel = (number: number): string => `usdata${number}`;

const fillSeed = async (seed: string, request: DiskRequest): Promise<void> => {
  await mkdir(seed, { recursive: true });
  if (request.number !== 0) return;
  await writeFile(path.join(seed, "guest.conf"), settingsText(request.settings));
  await writeBlob(path.join(seed, "blob"), request.blobBytes);
};

const writeBlob = async (file: string, bytes: number): Promise<void> => {
  const blob = await open(file, "w");
  try {
    for (let done = 0; done < bytes; done += mib)
      await blob.write(randomFillSync(Buffer.alloc(Math.min(mib, bytes - done))));
  } finally {
    await blob.close();
  }
};
