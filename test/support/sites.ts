import { CancelledFailure, Context } from "@temporalio/activity";
import { setTimeout as sleep } from "node:timers/promises";
import { withFailures } from "#activities/failures.ts";
import type { ReplicateReport } from "#activities/replication/request.ts";
import type { RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import { cutId, diskId, instant, machineId, type ReplicaId } from "#domain/ids.ts";
import type { Machine } from "#domain/machine.ts";
import { hostStarts } from "#test/support/host-starts.ts";
import {
  activationOf,
  refuseStale,
  type ReplicaDouble,
  type SiteState,
  startsWithHost,
} from "#test/support/site-state.ts";
import { heldUp, isMeant, meant, type Trouble } from "#test/support/trouble.ts";
import type { ActivityName, SiteDouble, TwoSites } from "#test/support/two-sites.ts";

const disks = [diskId("vda"), diskId("vdb")];
const seedBytes = 1_000_000;
const deltaBytes = 1_000;

/** `machines` run at the first of the two. */
export function createTwoSites(names: readonly [string, string], machines: readonly string[]): TwoSites {
  const [home] = names;
  const sites = new Map<string, SiteState>(
    names.map((name) => {
      const starts = hostStarts({
        isRunning: (id) => machineAt(name, id).running,
        isFenced: (id) => at(name).fenced.has(id),
        turnOn: (id) => setRunning(name, id, true),
      });
      return [name, { machines: new Map(), replicas: new Map(), fenced: new Map(), starts }];
    }),
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
  const fence = (site: string, id: string, of: { readonly epoch: number; readonly foundRunning: boolean }): void => {
    const { fenced, starts } = at(site);
    const before = fenced.get(id)?.autostart;
    const own = starts.takeOver(id);
    fenced.set(id, { ...of, autostart: before ?? own });
  };
  /** The host does with the machine what it did before. */
  const unfence = (site: string, id: string): void => {
    const { fenced, starts } = at(site);
    if (fenced.get(id)?.autostart === true) starts.byHost.add(id);
    fenced.delete(id);
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
    async findMachine({ nameOrId, withDefinition = false }) {
      const machine = machineAt(site, nameOrId);
      const found = withDefinition ? machine : { ...machine, definition: "" };
      return at(site).starts.byHost.has(found.id) ? { ...found, autostart: true } : found;
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
      unfence(site, id);
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
      unfence(site, id);
      if (started) setRunning(site, id, true);
      return { started };
    },
    async fenceMachine({ machine: id, epoch }) {
      const foundRunning = machineAt(site, id).running;
      setRunning(site, id, false);
      fence(site, id, { epoch, foundRunning });
      return { wasRunning: foundRunning };
    },
    async guardMachine({ machine: id, epoch, unfenced = false }) {
      const { cancellationSignal } = Context.current();
      let isFenced = !unfenced;
      while (!cancellationSignal.aborted) {
        const found = at(site).machines.get(id);
        if (found !== undefined && !isFenced) fence(site, id, { epoch, foundRunning: found.running });
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
    ...at(site).starts.activities,
    async stopTracking({ tracked }) {
      at(site).starts.forget(tracked.machine);
    },
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
      const carried = names.some((name) => startsWithHost(at(name), id));
      unfence(site, id);
      if (carried) at(site).starts.byHost.add(id);
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
    called: (activity, machine) => calls.some((call) => call.activity === activity && call.machine === machine),
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
          if ("wasOff" in trouble) return { wasOff: trouble.wasOff };
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
    startsOf: (site) => at(site).starts,
    restartHost(site) {
      const { machines, starts } = at(site);
      starts.restart();
      for (const [id, each] of machines) machines.set(id, { ...each, running: starts.byHost.has(id) });
    },
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
