import { createReplicator } from "#activities/replication/replicator.ts";
import type { ReplicateReport, ReplicateRequest } from "#activities/replication/request.ts";
import type { Clock } from "#activities/replication/clock.ts";
import { systemClock } from "#activities/replication/clock.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import type { DiskId } from "#domain/ids.ts";
import { failoverId, replicaId } from "#domain/ids.ts";
import { defaultPolicy, type ReplicationPolicy } from "#domain/policy.ts";
import type { FaultRule } from "#lab/simulated/faults.ts";
import { machineRecord } from "#lab/simulated/machines.ts";
import { readSparse } from "#lab/simulated/sparse-file.ts";
import { checkOracle } from "#lab/simulated/oracle.ts";
import type { Guest } from "#lab/simulated/records.ts";
import { diskPath } from "#lab/simulated/paths.ts";
import { openWriter } from "#lab/simulated/run-guests.ts";
import type { ReplicaOpener } from "#transfer/replica.ts";
import type { ConnectReplica } from "#transfer/session.ts";
import { connectDirectly } from "./direct-session.ts";
import type { DirectWire } from "./direct-session.ts";
import { operation } from "./operation.ts";
import { addTwoDiskMachine, app1, simulatedSite, tracked, vm } from "./simulated-machine.ts";
import type { ReplicaSpec } from "#platforms/platform.ts";

export const replica = replicaId("app1@west");
const op = operation();

export const policy = (over: Partial<ReplicationPolicy> = {}): ReplicationPolicy => ({
  ...defaultPolicy,
  name: "continuous",
  intervalSeconds: 0,
  scratchPercent: 50,
  compression: "off",
  ...over,
});

/** A clock that passes only when somebody sleeps. */
export function steppedClock(startMs = Date.parse("2026-01-01T00:00:00Z")): Clock & { advance(ms: number): void } {
  let now = startMs;
  return {
    now: () => now,
    sleep: (ms, signal) => {
      now += ms;
      return signal.aborted ? Promise.reject(new Error("aborted")) : new Promise((resolve) => setImmediate(resolve));
    },
    advance: (ms) => void (now += ms),
  };
}

/**
 * An item between two simulated sites: a running machine with the oracle's writer, a replica, and a replicator that can be made anew, as a restarted
 * worker makes one.
 */
export async function protectedItem(options: {
  readonly dir: string;
  readonly clock?: Clock;
  /** The source's host; the worker's by default. */
  readonly hostClock?: Clock;
  readonly guest?: Partial<Guest>;
  readonly blocks?: readonly [number, number];
  /** Copies of disks that were carried to the target by hand. */
  readonly copies?: ReplicaSpec["copies"];
  /** How the replica is reached; in the same process by default. */
  readonly link?: (opener: ReplicaOpener) => Promise<AsyncDisposable & { readonly connectReplica: ConnectReplica }>;
}) {
  const clock = options.clock ?? systemClock;
  const hostClock = options.hostClock ?? clock;
  const east = await simulatedSite({ dir: options.dir, site: "east", clock: hostClock });
  const west = await simulatedSite({ dir: options.dir, site: "west", clock });
  const machine = addTwoDiskMachine(east.store, { program: "writer", ...options.guest }, options.blocks);
  await east.source.powerOn(vm, op);
  const disks = machine.disks.map(({ id }) => id);
  const { copies } = options;
  const spec = { replica, item: app1, machine, disks, epoch: 1, sourceSite: "east", ...(copies && { copies }) };
  await west.target.createReplica(spec, op);
  const writer = openWriter(east.store, machineRecord(east.store, vm));
  const wire: DirectWire = { dataBytes: 0, sessions: 0 };
  const reports: ReplicateReport[] = [];

  async function replicate(
    mode: ReplicateRequest["mode"],
    over: {
      readonly source?: readonly FaultRule[];
      readonly target?: readonly FaultRule[];
      readonly policy?: Partial<ReplicationPolicy>;
      readonly signal?: AbortSignal;
      readonly epoch?: number;
      readonly disks?: ReplicateRequest["tracked"]["disks"];
      readonly machineDisks?: ReplicateRequest["machineDisks"];
      readonly returnAfterSeconds?: number;
    } = {},
  ): Promise<ReplicateReport> {
    await using from = await simulatedSite({
      dir: options.dir,
      site: "east",
      clock: hostClock,
      faults: over.source ?? [],
    });
    await using to = await simulatedSite({ dir: options.dir, site: "west", clock, faults: over.target ?? [] });
    await using link = await options.link?.(to.target);
    const connectReplica = link?.connectReplica ?? connectDirectly({ opener: to.target, peerSite: "east", wire });
    const tls = { certificate: "", key: "", authority: "" };
    const run = createReplicator({ platform: from.platform, connectReplica, tls: () => tls, clock, log: () => {} });
    const request: ReplicateRequest = {
      tracked: tracked({ disks: over.disks ?? disks, epoch: over.epoch ?? 1 }),
      replica,
      target: { site: "west", address: "127.0.0.1", port: 9443 },
      policy: policy(over.policy),
      mode,
      returnAfterSeconds: over.returnAfterSeconds ?? 0,
      ...(over.machineDisks && { machineDisks: over.machineDisks }),
    };
    return await run(request, {
      signal: over.signal ?? new AbortController().signal,
      report: (report) => reports.push(report),
    });
  }

  const write = (records: number): void => {
    for (let count = 0; count < records; count++) writer.writeNext();
  };

  return {
    east,
    west,
    machine,
    wire,
    reports,
    replicate,
    write,
    points: () => west.target.points(replica, op),
    async newest(): Promise<RecoveryPoint> {
      const newest = (await west.target.points(replica, op)).at(-1);
      if (newest === undefined) throw new Error("The replica has no recovery point.");
      return newest;
    },
    /** Boots a point as a test and asks the oracle; cleans up. */
    async examine(point: RecoveryPoint) {
      const failover = failoverId(`look-${point.id}`);
      const request = { replica, failover, kind: "test", point: point.id, epoch: 1, networks: {}, item: app1 } as const;
      const { epoch } = point;
      const started = await west.target.failOver(
        { ...request, epoch, isolated: true, machineName: `look-${point.id}` },
        op,
      );
      const image = imageOf(west.store, started.machine);
      await west.target.discard({ replica, failover, epoch }, op);
      return { ...image.oracle, bytes: image.bytes };
    },
    /** The source's disks as they are now. */
    sourceBytes: () => imageOf(east.store, vm).bytes,
    async [Symbol.asyncDispose]() {
      await east[Symbol.asyncDispose]();
      await west[Symbol.asyncDispose]();
    },
  };
}

function imageOf(store: Parameters<typeof machineRecord>[0], name: string) {
  const { machine } = machineRecord(store, name);
  const read = (disk: DiskId, offset: number, length: number): Uint8Array => {
    const into = new Uint8Array(length);
    readSparse(diskPath(store.dir, machine.id, disk), offset, into);
    return into;
  };
  const bytes = Buffer.concat(machine.disks.map(({ id, sizeBytes }) => read(id, 0, sizeBytes)));
  return { oracle: checkOracle(machine, read), bytes };
}
