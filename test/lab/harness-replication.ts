import { systemClock } from "#activities/replication/clock.ts";
import { createReplicator } from "#activities/replication/replicator.ts";
import type { ReplicateReport, ReplicateRequest } from "#activities/replication/request.ts";
import type { Inventory, ReplicationSource } from "#platforms/platform.ts";
import { block, fixtureOf, never, op, replica } from "#test/contract/platform/fixture.ts";
import type { PlatformHarness } from "#test/contract/platform/harness.ts";
import { policy } from "#test/support/replication.ts";
import { serveStore, siteTls } from "#test/support/stream-sites.ts";
import { connectTuned } from "#transfer/stream/connect.ts";

const inventoryOf = ({ machine }: PlatformHarness): Inventory => ({
  list: async () => [machine],
  find: async () => machine,
  networks: async () => [],
});

/** The replication engine over the real stream, from the harness's source host to its target host, a stretch at a time. */
export function replication(harness: PlatformHarness) {
  const { tracked } = fixtureOf(harness);
  return async (
    mode: ReplicateRequest["mode"],
    source: ReplicationSource = harness.source,
  ): Promise<ReplicateReport> => {
    await using server = await serveStore(harness.target);
    const tls = await siteTls(harness.sourceSite);
    const replicate = createReplicator({
      platform: { kind: "libvirt", inventory: inventoryOf(harness), source },
      connectReplica: ({ address, port, ...request }, signal) =>
        connectTuned({ ...request, tls, address, port, site: "west" }, { checkpointBytes: 16 * block, signal }),
      tls: () => tls,
      clock: systemClock,
      log: () => {},
    });
    const target = { site: harness.targetSite, address: "127.0.0.1", port: server.port };
    const request = { tracked: tracked(), replica, target, policy: policy(), mode, returnAfterSeconds: 0 };
    return await replicate(request, { signal: never, report: () => {} });
  };
}

/** Whether the newest point's disks are what the source's are now. */
export async function same(harness: PlatformHarness, name: string): Promise<boolean> {
  const { first, second, failover, sourceDisk } = fixtureOf(harness);
  const newest = (await harness.target.points(replica, op)).at(-1);
  if (newest === undefined) return false;
  const request = failover(name, newest);
  const { machine } = await harness.target.failOver(request, op);
  const results: boolean[] = [];
  for (const disk of [first, second])
    results.push((await harness.readDisk("target", machine, disk)).equals(await sourceDisk(disk)));
  await harness.target.discard({ replica, failover: request.failover, epoch: 1 }, op);
  return results.every(Boolean);
}
