import { join } from "node:path";
import type { CutId, DiskId, MachineId, ReplicaId } from "#domain/ids.ts";

const part = (name: string): string => encodeURIComponent(name).replaceAll(".", "%2E");

/** Where things are in a simulated host's folder. Names from outside are encoded: none can leave it. */
export const machineDir = (dir: string, machine: MachineId): string => join(dir, "machines", part(machine));
export const diskPath = (dir: string, machine: MachineId, disk: DiskId): string =>
  join(machineDir(dir, machine), "disks", `${part(disk)}.img`);
export const segmentDir = (dir: string, machine: MachineId, since: CutId): string =>
  join(machineDir(dir, machine), "since", part(since));
export const segmentPath = (dir: string, machine: MachineId, since: CutId, disk: DiskId): string =>
  join(segmentDir(dir, machine, since), part(disk));
export const scratchDir = (dir: string, machine: MachineId, cut: CutId): string =>
  join(machineDir(dir, machine), "scratch", part(cut));
export const scratchPath = (dir: string, machine: MachineId, cut: CutId, disk: DiskId): string =>
  join(scratchDir(dir, machine, cut), part(disk));
export const replicaDir = (dir: string, replica: ReplicaId): string => join(dir, "replicas", part(replica));
export const layerDir = (dir: string, replica: ReplicaId, layer: string): string =>
  join(replicaDir(dir, replica), part(layer));
export const layerPath = (dir: string, replica: ReplicaId, layer: string, disk: DiskId): string =>
  join(layerDir(dir, replica, layer), part(disk));
