import { Fault } from "#domain/fault.ts";
import type { DiskId } from "#domain/ids.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";
import type { HostConnection } from "../host.ts";
import { readDomain } from "../inventory/domain-xml.ts";
import type { FoundDomain } from "./domains.ts";
import { readImage } from "./images.ts";

/** What leads on where a machine cannot be made into the replica. */
const instead =
  "Undefine it there (virsh undefine; its disks are not needed) and give the order again: everything is copied then.";

/**
 * The images that the machine's disks lie in, where it can become the replica: it is off, and has each replicated disk in a qcow2 file. Changes nothing.
 * `OPERATION_NOT_ALLOWED` while it runs, `DISK_NOT_TRACKABLE` for a disk that cannot become a layer.
 */
export const adoptableDisks = async (
  connection: HostConnection,
  { spec, domain }: { readonly spec: ReplicaSpec; readonly domain: FoundDomain },
  signal: AbortSignal,
): Promise<Readonly<Record<DiskId, { readonly file: string; readonly sizeBytes: number }>>> => {
  const { name: host } = connection;
  if (domain.running) throw stillRunning(domain, host);
  const described = readDomain(domain.xml);
  const disks: Record<DiskId, { readonly file: string; readonly sizeBytes: number }> = {};
  for (const id of spec.disks) {
    const unfit = (problem: string): Fault =>
      new Fault("DISK_NOT_TRACKABLE", `${problem} ${instead}`, { details: { machine: domain.uuid, disk: id } });
    const disk = described.disks.find((candidate) => candidate.id === id);
    if (disk === undefined)
      throw unfit(`Machine ${domain.name} on host ${host} has no disk ${id}, which the replica needs.`);
    if (disk.type !== "file" || disk.format !== "qcow2")
      throw unfit(
        `Disk ${id} of machine ${domain.name} on host ${host} is a ${disk.type} in format ${disk.format}: only qcow2 files can become a replica.`,
      );
    const { sizeBytes } = await readImage(connection, disk.location, signal, { missing: "empty" });
    if (sizeBytes === 0)
      throw unfit(`${disk.location}, disk ${id} of machine ${domain.name}, is not there on host ${host}.`);
    disks[id] = { file: disk.location, sizeBytes };
  }
  return disks;
};

export const stillRunning = (domain: FoundDomain, host: string): Fault =>
  new Fault(
    "OPERATION_NOT_ALLOWED",
    `Machine ${domain.name} still runs on host ${host}: shut it down (fence it) before it becomes a replica.`,
    { details: { host, machine: domain.uuid } },
  );
