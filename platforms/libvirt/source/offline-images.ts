import type { DiskId, MachineId } from "#domain/ids.ts";
import { Fault } from "#domain/fault.ts";
import type { TrackedMachine } from "../../platform.ts";
import type { HostConnection } from "../host.ts";
import { readAutostart, withSettings } from "../inventory/metadata.ts";
import { readDomain } from "../inventory/domain-xml.ts";
import type { Bitmap } from "./block-graph.ts";
import { untrackable } from "./live-disks.ts";
import type { RecordedImage } from "./records.ts";

/** One disk of a machine that is shut off. */
export interface OfflineDisk {
  readonly id: DiskId;
  readonly path: string;
  readonly sizeBytes: number;
  readonly bitmaps: readonly Bitmap[];
}
export interface OfflineMachine {
  readonly disks: readonly OfflineDisk[];
  readonly definition: string;
}

interface ImageInfo {
  readonly format: string;
  readonly "virtual-size": number;
  readonly "format-specific"?: {
    readonly data?: { readonly bitmaps?: readonly { readonly name: string; readonly flags: readonly string[] }[] };
  };
}

/** A machine that is off: what it is, and where its replicated disks lie. */
export interface OfflineDefinition {
  readonly definition: string;
  readonly images: readonly { readonly id: DiskId; readonly path: string }[];
}

/** Rejects with `DISK_NOT_TRACKABLE`. */
export const readOfflineDefinition = async (
  host: HostConnection,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<OfflineDefinition> => {
  const [definition = "", info = ""] = await host.virsh(
    [
      ["dumpxml", tracked.machine, "--inactive"],
      ["dominfo", tracked.machine],
    ],
    { signal, timeoutMs: 15_000, purpose: `read machine ${tracked.machine}` },
  );
  const known = readDomain(definition).disks;
  const images = tracked.disks.map((id) => {
    const disk = known.find((each) => each.id === id);
    if (disk === undefined)
      throw new Fault(
        "DISK_NOT_TRACKABLE",
        `Machine ${tracked.machine} has no disk ${id} (any more). Exclude it, or plug it in again. It has: ${known.map((each) => each.id).join(", ")}.`,
        { details: { machine: tracked.machine, disk: id } },
      );
    if (!isLocalImage(disk))
      throw untrackable(tracked.machine, id, disk.format === "qcow2" ? `on ${disk.type} storage` : disk.format);
    return { id, path: disk.location };
  });
  return { images, definition: withSettings(definition, { autostart: readAutostart(info) }) };
};

/**
 * The machine's images as they lie there. A record that was in use when QEMU died is marked so in the image (`in-use`) and never counts.
 * Rejects with `DISK_NOT_TRACKABLE`.
 */
export const readOfflineMachine = async (
  host: HostConnection,
  tracked: TrackedMachine,
  signal: AbortSignal,
): Promise<OfflineMachine> => {
  const { definition, images } = await readOfflineDefinition(host, tracked, signal);
  return { definition, disks: await readImages(host, tracked.machine, images, signal) };
};

/** What the images of a machine that is off hold. */
export const readImages = async (
  host: HostConnection,
  machine: MachineId,
  images: OfflineDefinition["images"],
  signal: AbortSignal,
): Promise<readonly OfflineDisk[]> => {
  const disks: OfflineDisk[] = [];
  for (const { id, path } of images) {
    const info = await readImage(host, machine, path, signal);
    disks.push({ id, path, sizeBytes: info["virtual-size"], bitmaps: bitmapsOf(info) });
  }
  return disks;
};

/** All images that the machine, which is shut off, has on this host and QEMU keeps records in, replicated or not; without those that are not there. */
export const readLocalImages = async (
  host: HostConnection,
  machine: MachineId,
  signal: AbortSignal,
): Promise<readonly RecordedImage[]> => {
  const bounds = { signal, timeoutMs: 15_000, purpose: `read machine ${machine}` };
  const [definition = ""] = await host.virsh([["dumpxml", machine, "--inactive"]], bounds);
  const paths = readDomain(definition)
    .disks.filter(isLocalImage)
    .map(({ location }) => location);
  const { stdout } = await host.run(`for image; do if [ -e "$image" ]; then echo there; else echo; fi; done`, paths, {
    ...bounds,
    purpose: `look for the images of machine ${machine}`,
  });
  const there = stdout.split("\n");
  const images: RecordedImage[] = [];
  for (const [index, path] of paths.entries())
    if (there[index] === "there")
      images.push({ path, bitmaps: bitmapsOf(await readImage(host, machine, path, signal)) });
  return images;
};

const isLocalImage = ({ format, type }: { readonly format: string; readonly type: string }): boolean =>
  format === "qcow2" && ["file", "block"].includes(type);

const readImage = async (
  host: HostConnection,
  machine: MachineId,
  path: string,
  signal: AbortSignal,
): Promise<ImageInfo> => {
  const { stdout } = await host.run(`qemu-img info --output=json -f qcow2 -U -- "$1"`, [path], {
    signal,
    timeoutMs: 20_000,
    purpose: `read the image ${path} of machine ${machine}`,
  });
  return JSON.parse(stdout) as ImageInfo;
};

/** `auto`: recording whenever the image is written to. All bitmaps in an image are persistent. */
export const bitmapsOf = (info: ImageInfo): readonly Bitmap[] =>
  (info["format-specific"]?.data?.bitmaps ?? []).map(({ name, flags }) => ({
    name,
    recording: flags.includes("auto"),
    busy: false,
    persistent: true,
    inconsistent: flags.includes("in-use"),
  }));
