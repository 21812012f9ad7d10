import { createHash } from "node:crypto";
import { join } from "node:path";
import { diskId, itemName, machineId } from "#domain/ids.ts";
import type { DiskId } from "#domain/ids.ts";
import { writeGuest } from "#lab/simulated/guest-disk.ts";
import type { Clock } from "#activities/replication/clock.ts";
import type { FaultRule } from "#lab/simulated/faults.ts";
import { addMachine, machineRecord } from "#lab/simulated/machines.ts";
import { createSimulatedPlatform } from "#lab/simulated/platform.ts";
import type { Guest } from "#lab/simulated/records.ts";
import type { Store } from "#lab/simulated/store.ts";
import { openStore } from "#lab/simulated/store.ts";
import type { ReplicationSource, RecoveryTarget, TrackedMachine } from "#platforms/platform.ts";
import { blockBytes } from "#transfer/block.ts";

export const vda = diskId("vda");
export const vdb = diskId("vdb");
export const vm = machineId("4f1c0de0-0000-4000-8000-000000000001");
export const app1 = itemName("app1");
export const block = blockBytes;

export const tracked = (over: Partial<TrackedMachine> = {}): TrackedMachine => ({
  item: app1,
  machine: vm,
  disks: [vda, vdb],
  epoch: 1,
  ...over,
});

/** A simulated host of one site in `dir/<site>`, its roles and its folder. */
export async function simulatedSite(options: {
  readonly dir: string;
  readonly site: string;
  readonly clock?: Clock;
  readonly faults?: readonly FaultRule[];
}): Promise<
  AsyncDisposable & {
    readonly platform: Awaited<ReturnType<typeof createSimulatedPlatform>>;
    readonly source: ReplicationSource;
    readonly target: RecoveryTarget;
    readonly store: Store;
  }
> {
  const dir = join(options.dir, options.site);
  const platform = await createSimulatedPlatform({ ...options, dir, log: () => {} });
  const store = openStore(dir);
  const { source, target } = platform;
  if (source === undefined || target === undefined) throw new Error("The simulated platform has both roles.");
  return {
    platform,
    source,
    target,
    store,
    async [Symbol.asyncDispose]() {
      store[Symbol.dispose]();
      await platform[Symbol.asyncDispose]();
    },
  };
}

/** A machine with two disks of 16 and 8 blocks, shut off. */
export function addTwoDiskMachine(
  store: Store,
  guest: Partial<Guest> = {},
  blocks: readonly [number, number] = [16, 8],
) {
  return addMachine(store, {
    id: vm,
    name: "app1",
    disks: [
      { id: vda, sizeBytes: blocks[0] * block },
      { id: vdb, sizeBytes: blocks[1] * block },
    ],
    guest,
  });
}

/** Bytes that are never zero and differ by seed. */
export function pattern(seed: string, length: number = block): Uint8Array {
  return Buffer.alloc(length, createHash("sha256").update(seed).digest());
}

/** Writes as the guest that runs now. */
export function write(store: Store, disk: DiskId, offset: number, data: Uint8Array): void {
  writeGuest(store, { machine: vm, generation: machineRecord(store, vm).generation }, { disk, offset, data });
}
