import { CancelledFailure, Context } from "@temporalio/activity";
import { setTimeout as sleep } from "node:timers/promises";
import type { InventoryActivities } from "#activities/inventory.ts";
import type { ReplicationActivities } from "#activities/replication.ts";
import type { ReplicateReport, ReplicateRequest } from "#activities/replication/request.ts";
import type { SourceActivities } from "#activities/source.ts";
import type { TargetActivities } from "#activities/target.ts";
import { withFailures } from "#activities/failures.ts";
import type { Check } from "#domain/check.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, diskId, instant, machineId, type ReplicaId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";

/** The activities of one site's worker. */
export type SiteDouble = InventoryActivities & ReplicationActivities & SourceActivities & TargetActivities;
type ActivityName = keyof SiteDouble;

interface ReplicaDouble {
  readonly item: string;
  epoch: number;
  receives: boolean;
  content: string | undefined;
  points: RecoveryPoint[];
  readonly activations: Map<string, { machine: string; name: string; kind: string; point: string; committed?: true }>;
}
interface SiteState {
  readonly machines: Map<string, Machine>;
  readonly replicas: Map<ReplicaId, ReplicaDouble>;
  readonly fenced: Map<string, { readonly epoch: number; readonly foundRunning: boolean }>;
}

/** Faults as data: what an activity does instead of its work, once for each entry. */
export type Trouble = {
  readonly at: ActivityName;
  readonly machine: string;
  /** Only of replication in that mode. */
  readonly mode?: ReplicateRequest["mode"];
} &
  /** `after`: the work is done, and then it fails. */
  (
    | { readonly fault: Fault; readonly after?: boolean }
    | { readonly hold: Promise<void> }
    | { readonly checks: readonly Check[] }
  );

/**
 * Two sites in memory that keep the contract's promises as far as workflows can see them: epochs are compared, replicas have points, a machine runs or not,
 * the same failover is the same machine. Every call is written down.
 */
export interface TwoSites {
  readonly calls: readonly {
    readonly site: string;
    readonly activity: ActivityName;
    readonly machine: string | undefined;
    readonly request: unknown;
  }[];
  activities(site: string): SiteDouble;
  trouble(entry: Trouble): void;
  /** Changes that the sources' tracking cannot prove any more. */
  loseTracking(machine: string): void;
  /** Somebody at that site turns the machine on, past all of us. */
  startByHand(site: string, machine: string): void;
  /** The guest shuts down: because somebody in it wants that, or late. */
  shutsDown(site: string, machine: string): void;
  /** Whether a fence stands at that site. */
  isFenced(site: string, machine: string): boolean;
  /** A machine of that name runs at that site from here on, beside the one at the other. */
  placeMachine(site: string, machine: string): void;
  /** That machine is not there any more: the site was built anew, or somebody has undefined it. */
  removeMachine(site: string, machine: string): void;
  /** Where that machine, or its test machine, runs now: `paris/app1`. */
  running(machine: string): readonly string[];
  /** The replicas there are of that item. */
  replicas(item: string): readonly {
    readonly site: string;
    readonly id: ReplicaId;
    readonly points: number;
    readonly epoch: number;
  }[];
  /** How many bytes replication has sent of that machine, by mode. */
  sent(machine: string): Readonly<Record<"seed" | "run" | "final" | "resynchronize", number>>;
}

const disks = [diskId("vda"), diskId("vdb")];
const seedBytes = 1_000_000;
const deltaBytes = 1_000;

/** `machines` run at the first of the two. */
export function createTwoSites(names: readonly [string, string], machines: readonly string[]): TwoSites {
  const [home] = names;
  const sites = new Map<string, SiteState>(
    names.map((name) => [name, { machines: new Map(), replicas: new Map(), fenced: new Map() }]),
  );
  const at = (name: string): SiteState => {
    const site = sites.get(name);
    if (site === undefined) throw new Error(`no site ${name} in this test`);
    return site;
  };
  for (const name of machines) at(home).machines.set(`id-${name}`, machine(`id-${name}`, name));
  const calls: { site: string; activity: ActivityName; machine: string | undefined; request: unknown }[] = [];
  let troubles: readonly Trouble[] = [];
  const sentBy = new Map<string, { seed: number; run: number; final: number; resynchronize: number }>();
  const sent = (name: string) => {
    const known = sentBy.get(name) ?? { seed: 0, run: 0, final: 0, resynchronize: 0 };
    sentBy.set(name, known);
    return known;
  };
  let cuts = 0;
  const untracked = new Set<string>();

  const replicaAt = (site: string, id: ReplicaId): ReplicaDouble => {
    const replica = at(site).replicas.get(id);
    if (replica === undefined) throw new Fault("REPLICA_NOT_FOUND", `There is no replica ${id} at ${site}.`);
    return replica;
  };
  const machineAt = (site: string, nameOrId: string): Machine => {
    const all = [...at(site).machines.values()];
    const found = all.find(({ id, name }) => id === nameOrId || name === nameOrId);
    if (found === undefined) throw new Fault("MACHINE_NOT_FOUND", `There is no machine ${nameOrId} at ${site}.`);
    return found;
  };
  const setRunning = (site: string, id: string, running: boolean): void => {
    at(site).machines.set(id, { ...machineAt(site, id), running });
  };
  const seal = (replica: ReplicaDouble, item: string, epoch: number): RecoveryPoint => {
    cuts += 1;
    const id = cutId(`cut-${cuts}`);
    const now = instant(Date.now());
    const point: RecoveryPoint = {
      id,
      item: item as RecoveryPoint["item"],
      epoch,
      takenAt: now,
      sealedAt: now,
      consistency: "crash-consistent",
      disks: disks.map((disk) => ({ id: disk, sizeBytes: seedBytes })),
      definition: "",
      kept: true,
      deltaBytes,
    };
    replica.points = [...replica.points, point];
    replica.content = id;
    return point;
  };

  const double = (site: string): SiteDouble => ({
    async findMachine({ nameOrId }) {
      return machineAt(site, nameOrId);
    },
    async listNetworks() {
      return ["production", "recovery"];
    },
    async checkSource() {
      return [{ name: "tracking", passed: true, detail: "qcow2" }];
    },
    async checkTarget() {
      return [{ name: "space", passed: true, detail: "enough" }];
    },
    async shutDownMachine({ machine: id }) {
      setRunning(site, id, false);
      return { forced: false };
    },
    async powerOnMachine({ machine: id }) {
      at(site).fenced.delete(id);
      setRunning(site, id, true);
    },
    async keepMachineOn({ machine: id, forSeconds }) {
      const { cancellationSignal } = Context.current();
      const until = Date.now() + forSeconds * 1_000;
      while (!cancellationSignal.aborted) {
        const wasOff = !machineAt(site, id).running && !at(site).fenced.has(id);
        if (wasOff) setRunning(site, id, true);
        if (wasOff || Date.now() >= until) return { wasOff };
        Context.current().heartbeat();
        await sleep(50);
      }
      throw new CancelledFailure("Cancelled.");
    },
    async unfenceMachine({ machine: id }) {
      const started = at(site).fenced.get(id)?.foundRunning === true;
      at(site).fenced.delete(id);
      if (started) setRunning(site, id, true);
      return { started };
    },
    async fenceMachine({ machine: id, epoch }) {
      const foundRunning = machineAt(site, id).running;
      setRunning(site, id, false);
      at(site).fenced.set(id, { epoch, foundRunning });
      return { wasRunning: foundRunning };
    },
    async guardMachine({ machine: id, epoch, unfenced = false }) {
      const { cancellationSignal } = Context.current();
      let isFenced = !unfenced;
      while (!cancellationSignal.aborted) {
        const found = at(site).machines.get(id);
        if (found !== undefined && !isFenced) at(site).fenced.set(id, { epoch, foundRunning: found.running });
        isFenced ||= found !== undefined;
        if (found?.running === true && (at(site).fenced.get(id)?.epoch ?? -1) >= epoch) {
          setRunning(site, id, false);
          return { wasRunning: true };
        }
        Context.current().heartbeat();
        await sleep(50);
      }
      throw new CancelledFailure("Cancelled.");
    },
    async stopTracking() {},
    async createReplica({ spec }) {
      const known = at(site).replicas.get(spec.replica);
      if (known !== undefined) {
        refuseStale(known, spec.epoch);
        return;
      }
      if (spec.adopt !== undefined) inheritLayers(site, spec.item, machineAt(site, spec.adopt.machine).id);
      const content = spec.adopt?.content;
      at(site).replicas.set(spec.replica, {
        item: spec.item,
        epoch: spec.epoch,
        receives: true,
        content,
        points: [],
        activations: new Map(),
      });
    },
    async listPoints({ replica }) {
      return replicaAt(site, replica).points;
    },
    async verifyPoint() {
      return { blocks: 16, mismatched: 0 };
    },
    async failOver({ failover }) {
      const replica = replicaAt(site, failover.replica);
      refuseStale(replica, failover.epoch);
      return activateAt(site, replica, failover);
    },
    async changePoint({ failover }) {
      const replica = replicaAt(site, failover.replica);
      refuseStale(replica, failover.epoch);
      activationOf(replica, failover.failover);
      dropActivation(site, replica, failover.failover);
      return activateAt(site, replica, failover);
    },
    async commitFailover({ replica: id, failover }) {
      const replica = replicaAt(site, id);
      const activation = activationOf(replica, failover);
      replica.points = replica.points.filter((point) => point.id === activation.point);
      activation.committed = true;
    },
    async discardFailover({ replica: id, failover, epoch }) {
      const replica = replicaAt(site, id);
      refuseStale(replica, epoch);
      const kind = replica.activations.get(failover)?.kind;
      dropActivation(site, replica, failover);
      if (kind !== "test") Object.assign(replica, { receives: true, epoch });
    },
    async deleteReplica({ replica }) {
      const known = at(site).replicas.get(replica);
      for (const [failover, { kind, committed }] of known?.activations ?? []) {
        if (known !== undefined && kind === "test") dropActivation(site, known, failover);
        else if (committed !== true) throw new Fault("OPERATION_NOT_ALLOWED", `${failover} is not committed.`);
      }
      at(site).replicas.delete(replica);
    },
    async replicate({ request }) {
      const context = Context.current();
      const { machine: id, item, epoch } = request.tracked;
      const far = replicaAt(request.target.site, request.replica);
      refuseStale(far, epoch);
      if (!far.receives) throw new Fault("STALE_EPOCH", "The replica has been activated.");
      far.epoch = epoch;
      if (request.mode === "final" && machineAt(site, id).running) throw new Fault("INTERNAL", "It still runs.");
      if (request.mode === "run" && (untracked.has(id) || far.content === undefined)) {
        throw new Fault("RESYNC_REQUIRED", "What has changed cannot be proven.");
      }
      const until = Date.now() + request.returnAfterSeconds * 1_000;
      let cycles = 0;
      for (;;) {
        const point = seal(far, item, epoch);
        cycles += 1;
        sent(machineAt(site, id).name)[request.mode] += request.mode === "seed" ? seedBytes : deltaBytes;
        if (request.mode === "resynchronize") untracked.delete(id);
        const report: ReplicateReport = {
          phase: "waiting",
          lastSealed: { cut: point.id, takenAt: point.takenAt, sealedAt: point.sealedAt },
          lastCycle: { durationMs: 1, bytes: deltaBytes, wireBytes: deltaBytes },
          cycles,
          bytesSent: cycles * deltaBytes,
          wireBytes: cycles * deltaBytes,
          disks: [],
          warnings: [],
        };
        context.heartbeat(report);
        if (request.mode !== "run" || Date.now() >= until) return report;
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (context.cancellationSignal.aborted) return report;
        if (untracked.has(id)) throw new Fault("RESYNC_REQUIRED", "What has changed cannot be proven.");
      }
    },
  });

  const activateAt = (
    site: string,
    replica: ReplicaDouble,
    request: Parameters<SiteDouble["failOver"]>[0]["failover"],
  ) => {
    const known = replica.activations.get(request.failover);
    const id = machineId(`id-${request.machineName}`);
    if (known === undefined) {
      const { machineName: name, kind, point } = request;
      replica.activations.set(request.failover, { machine: id, name, kind, point });
      at(site).fenced.delete(id);
      at(site).machines.set(id, machine(id, request.machineName));
      if (request.kind !== "test") Object.assign(replica, { receives: false, epoch: request.epoch });
    }
    return { failover: request.failover, machine: id, machineName: request.machineName, point: request.point };
  };
  /** The new replica takes the place of the one that the machine ran on. */
  const inheritLayers = (site: string, item: string, machine: string): void => {
    const { replicas } = at(site);
    const runsOn = ({ activations }: ReplicaDouble) =>
      [...activations.values()].some((each) => each.machine === machine && each.kind !== "test");
    for (const [id, each] of replicas) if (each.item === item && runsOn(each)) replicas.delete(id);
  };
  const dropActivation = (site: string, replica: ReplicaDouble, failover: string): void => {
    const known = replica.activations.get(failover);
    replica.activations.delete(failover);
    if (known !== undefined) at(site).machines.delete(known.machine);
  };

  return {
    calls,
    sent,
    activities(site) {
      const own = double(site);
      const seen = Object.entries(own).map(([name, activity]) => {
        const called = async (request: never): Promise<unknown> => {
          const machine = meant(request);
          calls.push({ site, activity: name as ActivityName, machine, request });
          const run = () => (activity as (request: never) => Promise<unknown>)(request);
          const trouble = troubles.find(
            (entry) => entry.at === name && entry.machine === machine && isMeant(entry, request),
          );
          troubles = troubles.filter((entry) => entry !== trouble);
          if (trouble === undefined) return await run();
          if ("checks" in trouble) return trouble.checks;
          if ("hold" in trouble) await heldUp(trouble.hold);
          else if (trouble.after !== true) throw trouble.fault;
          const result = await run();
          if ("fault" in trouble) throw trouble.fault;
          return result;
        };
        return [name, called];
      });
      return withFailures(Object.fromEntries(seen) as SiteDouble);
    },
    trouble(entry) {
      troubles = [...troubles, entry];
    },
    loseTracking: (name) => void untracked.add(`id-${name}`),
    startByHand: (site, name) => setRunning(site, `id-${name}`, true),
    shutsDown: (site, name) => setRunning(site, `id-${name}`, false),
    isFenced: (site, name) => at(site).fenced.has(`id-${name}`),
    placeMachine: (site, name) => void at(site).machines.set(`id-${name}`, machine(`id-${name}`, name)),
    removeMachine: (site, name) => void at(site).machines.delete(`id-${name}`),
    running: (machine) =>
      names.flatMap((site) =>
        [...at(site).machines.values()]
          .filter(({ name, running }) => running && (name === machine || name === `${machine}-Test`))
          .map(({ name }) => `${site}/${name}`),
      ),
    replicas: (item) =>
      names.flatMap((site) =>
        [...at(site).replicas]
          .filter(([, { item: of }]) => of === item)
          .map(([id, { points, epoch }]) => ({ site, id, points: points.length, epoch })),
      ),
  };
}

const machine = (id: string, name: string): Machine => ({
  id: machineId(id),
  name,
  disks: disks.map((disk) => ({ id: disk, sizeBytes: seedBytes, format: "qcow2", location: `/${disk}` })),
  adapters: [{ mac: "52:54:00:00:00:01", network: "production" }],
  firmware: "bios",
  tpm: false,
  running: true,
  definition: "<domain/>",
});

function activationOf({ activations }: ReplicaDouble, failover: string) {
  const activation = activations.get(failover);
  if (activation === undefined) throw new Fault("FAILOVER_NOT_FOUND", `There is no failover ${failover}.`);
  return activation;
}

function refuseStale(replica: ReplicaDouble, epoch: number): void {
  if (epoch < replica.epoch) throw new Fault("STALE_EPOCH", `Epoch ${epoch} is older than ${replica.epoch}.`);
}

const isMeant = ({ mode }: Trouble, request: unknown): boolean =>
  mode === undefined || JSON.stringify(request).includes(`"mode":"${mode}"`);

/** Which of the machines a request is about: its name is part of every id and name in it. */
const meant = (request: unknown): string | undefined => /\bapp\d\b/.exec(JSON.stringify(request))?.[0];

/** Heartbeats while it is held, so that the test decides when it goes on, and hears of a cancellation. */
async function heldUp(hold: Promise<void>): Promise<void> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 200);
  try {
    await Promise.race([hold, context.cancelled]);
  } finally {
    clearInterval(beat);
  }
}
