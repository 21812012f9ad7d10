import type { DiskId, MachineId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import type { RecoveryTarget, ReplicationSource } from "#platforms/platform.ts";

/** What the contract suite needs of a platform to try it: two hosts, and what a person could do at them. */
export interface PlatformHarness extends AsyncDisposable {
  readonly source: ReplicationSource;
  readonly target: RecoveryTarget;
  /** The other roles of the two hosts, for the way back. */
  readonly back: { readonly source: ReplicationSource; readonly target: RecoveryTarget };
  readonly targetSite: string;
  readonly sourceSite: string;
  /** Runs on the source host. Two disks of at least 24 blocks that only the test writes to, all zeroes. */
  readonly machine: Machine;
  /** The platform's least scratch space for a disk, whatever the percentage; the first disk is larger by some blocks. */
  readonly leastScratchBytes: number;
  /** A network of the source, and the target's that it is mapped to. */
  readonly networks: Readonly<Record<string, string>>;
  /** Another network of the target's, which none is mapped to. */
  readonly testNetwork: string;
  /** What the machine that runs at that side writes, acknowledged when it resolves. Multiples of 4096 bytes. */
  write(
    side: "source" | "target",
    disk: DiskId,
    at: { readonly offset: number; readonly data: Uint8Array },
  ): Promise<void>;
  /** The content of a machine's disk, whether it runs or not. */
  readDisk(side: "source" | "target", machine: MachineId, disk: DiskId): Promise<Buffer>;
  /** The machines of a host, with their state. */
  machines(side: "source" | "target"): Promise<readonly Machine[]>;
  /** The source role as another worker would open it, on the same host. */
  openAgain(): Promise<AsyncDisposable & { readonly source: ReplicationSource }>;
  /** The source host dies without warning and is up again, the machine too. */
  crashSource(): Promise<void>;
}
export type OpenHarness = () => Promise<PlatformHarness>;
