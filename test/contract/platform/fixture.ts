import { createHash } from "node:crypto";
import type { CutDescription, RecoveryPoint } from "#domain/cut.ts";
import type { CutId, DiskId } from "#domain/ids.ts";
import { cutId, failoverId, itemName, replicaId } from "#domain/ids.ts";
import type { FailoverRequest, ReplicaSpec, StandingCut, TrackedMachine } from "#platforms/platform.ts";
import { blockBytes } from "#transfer/block.ts";
import { operation } from "#test/support/operation.ts";
import { readAll } from "#test/support/read-all.ts";
import { send } from "#test/support/send.ts";
import type { PlatformHarness } from "./harness.ts";

export const block = blockBytes;
export const op = operation();
export const never = new AbortController().signal;
export const app1 = itemName("app1");
export const replica = replicaId("app1-at-target");

/** Bytes that are never zero and differ by seed. */
export const pattern = (seed: string, length: number = block): Uint8Array =>
  Buffer.alloc(length, createHash("sha256").update(seed).digest());

/** The few things that every test of the contract does, in the words of the contract. */
export function fixtureOf(harness: PlatformHarness) {
  const { machine, source, target } = harness;
  const disks = machine.disks.map(({ id }) => id);
  const [first, second] = disks;
  if (first === undefined || second === undefined) throw new Error("The harness's machine has two disks.");
  const tracked = (over: Partial<TrackedMachine> = {}): TrackedMachine => ({
    item: app1,
    machine: machine.id,
    disks,
    epoch: 1,
    ...over,
  });
  const spec = (over: Partial<ReplicaSpec> = {}): ReplicaSpec => ({
    replica,
    item: app1,
    machine,
    disks,
    epoch: 1,
    sourceSite: harness.sourceSite,
    ...over,
  });
  const cut = (
    name: string,
    over: { readonly epoch?: number; readonly scratchPercent?: number } = {},
  ): Promise<StandingCut> =>
    source.cut(
      {
        tracked: tracked({ epoch: over.epoch ?? 1 }),
        cut: cutId(name),
        consistency: "crash-consistent",
        scratchPercent: over.scratchPercent ?? 50,
      },
      op,
    );
  const release = (...keep: readonly string[]) => source.release({ tracked: tracked(), keep: keep.map(cutId) }, op);
  const opening = (epoch = 1) => ({ replica, epoch, peerSite: harness.sourceSite });
  let last: CutId | undefined;

  return {
    first,
    second,
    tracked,
    spec,
    write: (disk: DiskId, blockNumber: number, seed: string) =>
      harness.write("source", disk, { offset: blockNumber * block, data: pattern(seed) }),
    cut,
    release,
    /** All of a disk of the standing cut, or what changed since another. */
    async read(name: string, disk: DiskId, since?: string) {
      await using opened = await source.openDisk(
        { tracked: tracked(), cut: cutId(name), disk, ...(since !== undefined && { since: cutId(since) }) },
        op,
      );
      return await readAll(opened);
    },
    /** Which blocks a list of extents touches. */
    blocksOf: (extents: readonly { readonly offset: number; readonly length: number }[]): readonly number[] => [
      ...new Set(
        extents.flatMap(({ offset, length }) =>
          Array.from({ length: Math.ceil(length / block) }, (_, index) => Math.floor(offset / block) + index),
        ),
      ),
    ],
    opening,
    /** Cut, carry, seal, release: a whole delta cycle, with whatever `meanwhile` writes after the cut. */
    async cycle(
      name: string,
      options: { readonly keep?: boolean; readonly retentionSeconds?: number } = {},
    ): Promise<RecoveryPoint> {
      const { description } = await cut(name);
      await using opened = await target.open(opening(), never);
      const request = { source, tracked: tracked(), replica: opened, cut: description, ...(last && { since: last }) };
      const point = await send({ ...request, ...options });
      await release(name);
      last = description.id;
      return point;
    },
    failover: (name: string, point: CutDescription, over: Partial<FailoverRequest> = {}): FailoverRequest => ({
      replica,
      failover: failoverId(name),
      kind: "test",
      point: point.id,
      epoch: 1,
      networks: harness.networks,
      isolated: true,
      machineName: `${machine.name}-Test`,
      item: app1,
      ...over,
    }),
    points: async () => (await target.points(replica, op)).map(({ id, kept }) => [id, kept]),
    sourceDisk: (disk: DiskId) => harness.readDisk("source", machine.id, disk),
  };
}
