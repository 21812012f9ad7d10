import type { DiskId, MachineId } from "#domain/ids.ts";

export interface Disk {
  readonly id: DiskId;
  readonly sizeBytes: number;
  /** The image's format as the platform names it: `qcow2`, `raw`, `vhdx`. */
  readonly format: string;
  /** Where the platform keeps it; for people and for adoption, never parsed elsewhere. */
  readonly location: string;
}

export interface NetworkAdapter {
  readonly mac: string;
  /** The platform's name of the network or bridge it hangs on. */
  readonly network: string;
}

/** A machine as its platform describes it. `definition` is what its platform says of it, free of secrets: what the other site looks through for what the machine needs. The whole one is carried with each cut. */
export interface Machine {
  readonly id: MachineId;
  readonly name: string;
  readonly disks: readonly Disk[];
  readonly adapters: readonly NetworkAdapter[];
  readonly firmware: "bios" | "uefi";
  readonly tpm: boolean;
  readonly running: boolean;
  /** Its host starts it by itself when it starts. Absent: not known. */
  readonly autostart?: boolean;
  readonly definition: string;
}
