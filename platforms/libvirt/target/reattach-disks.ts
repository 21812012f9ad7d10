import {
  attributeOf,
  elements,
  parseEditable,
  removeChildren,
  type EditableElement,
} from "../inventory/editable-xml.ts";
import type { ExcludedDisk } from "./stored-replica.ts";

/**
 * Which of the disks that stayed behind, because they are not replicated, the machine gets back when it comes home: those that are still there. The others are named,
 * with the reason.
 */
export const disksToReattach = (
  excluded: readonly ExcludedDisk[],
  there: { readonly disks: readonly string[]; readonly files: ReadonlySet<string> },
): { readonly disks: readonly ExcludedDisk[]; readonly warnings: readonly string[] } => {
  const reasons = excluded.map((disk) => ({ disk, reason: whyNot(disk, there) }));
  return {
    disks: reasons.flatMap(({ disk, reason }) => (reason === undefined ? [disk] : [])),
    warnings: reasons.flatMap(({ disk: { id }, reason }) =>
      reason === undefined
        ? []
        : [`Disk ${id}, which is not replicated, was not given back to the machine: ${reason}. Attach it by hand.`],
    ),
  };
};

const whyNot = (
  { id, path }: ExcludedDisk,
  there: { readonly disks: readonly string[]; readonly files: ReadonlySet<string> },
): string | undefined => {
  if (there.disks.includes(id)) return `the machine has got another disk ${id} meanwhile`;
  if (path === undefined) return "it lies on storage of which it cannot be told whether it is there";
  return there.files.has(path) ? undefined : `${path} is not there any more`;
};

/** Adds the elements; where another device has taken a disk's address or its place in the boot order, libvirt chooses a new one. */
export const reattachDisks = (devices: EditableElement, disks: readonly string[]): void => {
  for (const xml of disks) {
    const disk = parseEditable(xml);
    const taken = new Set(elements(devices).flatMap((device) => addressOf(device) ?? []));
    const orders = new Set(elements(devices).map(bootOrder));
    removeChildren(
      disk,
      (child) =>
        (child.name === "address" && taken.has(addressOf(disk) ?? "")) ||
        (child.name === "boot" && orders.has(bootOrder(disk))),
    );
    devices.children.push(disk);
  }
};

const bootOrder = (device: EditableElement): string | undefined => attributeOf(elements(device, "boot")[0], "order");

/** A drive's address counts on its own bus only. */
const addressOf = (device: EditableElement): string | undefined => {
  const address = elements(device, "address")[0];
  if (address === undefined) return undefined;
  const place = ["type", "domain", "controller", "bus", "target", "unit", "slot", "function"].map(
    (name) => attributeOf(address, name) ?? "",
  );
  const bus = attributeOf(address, "type") === "drive" ? attributeOf(elements(device, "target")[0], "bus") : "";
  return [...place, bus ?? ""].join();
};
