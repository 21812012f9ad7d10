import type { DiskId } from "#domain/ids.ts";
import { Fault } from "#domain/fault.ts";
import { all, first, parseXml } from "../inventory/xml.ts";
import { below, type BlockGraph, type BlockNode, imageNode } from "./block-graph.ts";

/** One replicated disk of a running machine. */
export interface LiveDisk {
  readonly id: DiskId;
  /** QOM path of the device. */
  readonly device: string;
  /** What the device's drive is now. */
  readonly root: string;
  /** What it is without us. */
  readonly base: string;
  /** The qcow2 node that carries the records. */
  readonly image: BlockNode;
}

/**
 * Finds the asked disks in the machine's graph by their device aliases. Rejects with `DISK_NOT_TRACKABLE`, with the reason and the cure, where a disk is not
 * there or cannot carry a persistent bitmap.
 */
export const findLiveDisks = (request: {
  readonly liveXml: string;
  readonly graph: BlockGraph;
  readonly disks: readonly DiskId[];
  readonly machine: string;
  /** Prefix of our own nodes. */
  readonly ours: string;
}): readonly LiveDisk[] => {
  const { graph, machine, ours } = request;
  const aliases = new Map(
    all(parseXml(request.liveXml), "devices", "disk").map((disk) => [
      first(disk, "target")?.attributes["dev"] ?? "",
      first(disk, "alias")?.attributes["name"] ?? "",
    ]),
  );
  return request.disks.map((id) => {
    const alias = aliases.get(id);
    const device = graph.devices.find(
      ({ path }) => alias !== undefined && alias !== "" && path.split("/").includes(alias),
    );
    if (device === undefined)
      throw new Fault(
        "DISK_NOT_TRACKABLE",
        `Machine ${machine} has no disk ${id} (any more). Exclude it, or plug it in again. It has: ${[...aliases.keys()].join(", ")}.`,
        { details: { machine, disk: id } },
      );
    const base = below(graph, device.root, ours);
    const image = imageNode(graph, base);
    if (image === undefined || image.driver !== "qcow2") throw untrackable(machine, id, image?.driver ?? "unknown");
    return { id, device: device.path, root: device.root, base, image };
  });
};

/** The sentence for a disk whose format cannot hold a record of changes. */
export const untrackable = (machine: string, id: DiskId, format: string): Fault =>
  new Fault(
    "DISK_NOT_TRACKABLE",
    `Disk ${id} of machine ${machine} is ${format}: only qcow2 images can keep the record of changed blocks that replication needs. Convert it while the machine is off (qemu-img convert -O qcow2 OLD NEW, then name NEW with type='qcow2' in the machine's definition), or exclude the disk.`,
    { details: { machine, disk: id, format } },
  );
