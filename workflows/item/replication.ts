import { CancellationScope, isCancellation, sleep } from "@temporalio/workflow";
import type { Achieved, ReplicateReport } from "#activities/replication/request.ts";
import { chooseDisks } from "#domain/excluded-disks.ts";
import { failureSeverity } from "#domain/health.ts";
import type { DiskId } from "#domain/ids.ts";
import { observe } from "#domain/lifecycle.ts";
import type { JobFault } from "#domain/job.ts";
import type { Machine } from "#domain/machine.ts";
import { now } from "#workflows/clock.ts";
import { achievedBefore, faultOf } from "#workflows/failure.ts";
import { sourceOf, sourceSide, targetOf } from "#workflows/item/ends.ts";
import { withHealth, withoutHealth, withoutReplicationHealth } from "#workflows/item/health.ts";
import type { ItemHolder } from "#workflows/item/holder.ts";
import { wantsQuiet } from "#workflows/item/quiet.ts";
import { replicateRequest, trackedMachine } from "#workflows/item/replicate-request.ts";
import { isUnproven, retryDelaySeconds, triedAgain } from "#workflows/item/retry.ts";
import { withSealed } from "#workflows/item/sealed.ts";
import type { ItemState } from "#workflows/item/state.ts";
import { atSiteOnce, replicationAt } from "#workflows/sites.ts";

/** One run of the long activity: long enough that history stays small, short enough that new disks and code are noticed. */
const stretchSeconds = 300;
/** After trouble only one cycle, so that the item soon knows that it is over. */
const probeSeconds = 0;

/** What replication is to do now; another `key` means that a running stretch has to end and begin anew. */
export function wanted(state: ItemState): { readonly mode: "seed" | "run"; readonly key: string } | undefined {
  const mode =
    state.lifecycle.state === "protected"
      ? "run"
      : state.lifecycle.state === "initial-replication"
        ? "seed"
        : undefined;
  if (mode === undefined || state.stuck || wantsQuiet(state)) return undefined;
  return {
    mode,
    key: JSON.stringify([mode, state.policy, state.epoch, state.sides, state.configuration.excludeDisks]),
  };
}

/** Takes what a stretch has done into the state, however the stretch ended. */
export const achieved = (state: ItemState, done: Achieved): ItemState => ({
  ...withSealed(state, done.lastSealed),
  lastCycle: done.lastCycle ?? state.lastCycle,
  bytesSent: state.bytesSent + done.bytesSent,
});

/** Takes a report of finished work into the state. One that came no further than to connect, because it was ended, shows nothing of what was wrong. */
export function reported(state: ItemState, report: ReplicateReport): ItemState {
  if (report.phase === "connecting" && report.cycles === 0) return achieved(state, report);
  return report.warnings.reduce(
    (next, { code, message }) => withHealth(next, { code, message }, { severity: "Warning" }),
    withoutReplicationHealth({ ...withoutFailure(achieved(state, report)), failing: null }),
  );
}

const withoutFailure = (state: ItemState): ItemState =>
  state.failing?.code === undefined ? state : withoutHealth(state, [state.failing.code]);

/** Takes a failed stretch into the state: what failed now is told, what an earlier one failed with no more. */
export function failed(state: ItemState, fault: JobFault): ItemState {
  const told = withHealth(withoutFailure(state), fault, { severity: failureSeverity(fault.code) });
  if (isUnproven(fault)) {
    const lifecycle = observe(state.lifecycle, "tracking-lost");
    if (lifecycle !== state.lifecycle) return { ...told, lifecycle, resynchronizeByItself: true };
  }
  const { since = now(), attempts = 0 } = state.failing ?? {};
  const failing = { since, attempts: attempts + 1, code: fault.code };
  return { ...told, failing, stuck: retryDelaySeconds(fault, failing.attempts, state) === undefined };
}

/** There is a first point. */
const seeded = (state: ItemState): ItemState => {
  const lifecycle = observe(state.lifecycle, "initial-replication-done");
  return lifecycle === state.lifecycle ? state : { ...state, lifecycle, finalizing: true };
};

/** The item's replication: runs while the state wants it, one stretch after another. */
export interface ItemReplication {
  /** A stretch runs, or is on its way to its end. */
  readonly running: boolean;
  /** Starts, ends or exchanges the stretch, as the state wants it. `rest`: only let it end. */
  reconcile(options: { readonly rest: boolean }): void;
  /** Does not wait for the stretch that runs: its site may be dead. What it still reports is not listened to. */
  abandon(): void;
  /** Does not wait any longer before it tries again what failed, or could not be tried again: something has been changed that may mend it. */
  tryAgain(): void;
}

export function replicationOf(item: ItemHolder): ItemReplication {
  let current: { readonly scope: CancellationScope; readonly key: string } | undefined;
  let pausing = false;

  async function stretch(mode: "seed" | "run"): Promise<ReplicateReport> {
    const { site, host } = sourceOf(item.state);
    const machineDisks = await takeInDisks(item);
    const returnAfterSeconds = item.state.failing === null ? stretchSeconds : probeSeconds;
    return await replicationAt(site).replicate({
      host,
      request: replicateRequest(item.state, { mode, returnAfterSeconds, machineDisks }),
    });
  }

  async function run(mode: "seed" | "run", isCurrent: () => boolean): Promise<void> {
    const { replica } = targetOf(item.state);
    /** Also of a stretch that nobody waits for any more, as long as its points are there. */
    const learn = (done: Achieved): void => {
      const { lifecycle } = item.state;
      const pointsGone = lifecycle.state === "failed-over" || lifecycle.state === "failed-over-protected";
      if (pointsGone || targetOf(item.state).replica !== replica) return;
      item.update((state) => {
        const next = achieved(state, done);
        return mode === "seed" && done.lastSealed !== undefined ? seeded(next) : next;
      });
    };
    try {
      const report = await stretch(mode);
      if (!isCurrent()) return learn(report);
      item.update((state) => reported(state, report));
      if (mode === "seed" && report.lastSealed !== undefined) item.update(seeded);
    } catch (error) {
      const done = achievedBefore(error);
      if (done !== undefined) learn(done);
      if (isCancellation(error) || !isCurrent()) return;
      const fault = faultOf(error);
      item.update((state) => failed(state, fault));
      const delay = retryDelaySeconds(fault, item.state.failing?.attempts ?? 1, item.state);
      if (delay === undefined) return;
      pausing = true;
      await sleep(delay * 1_000).finally(() => (pausing = false));
    }
  }

  function start(mode: "seed" | "run", key: string): void {
    const mine = { scope: new CancellationScope(), key };
    const isCurrent = () => current === mine;
    current = mine;
    const ended = () => {
      if (isCurrent()) current = undefined;
      item.touch();
    };
    mine.scope.run(() => run(mode, isCurrent)).then(ended, ended);
  }

  return {
    get running() {
      return current !== undefined;
    },
    reconcile({ rest }) {
      const next = wanted(item.state);
      if (current === undefined) {
        if (next !== undefined && !rest) start(next.mode, next.key);
      } else if (next?.key !== current.key) {
        current.scope.cancel();
      }
    },
    tryAgain() {
      if (pausing) current?.scope.cancel();
      item.update(triedAgain);
    },
    abandon() {
      current?.scope.cancel();
      current = undefined;
    },
  };
}

/** What is replicated of the machine as it is now. Excluding what cannot be excluded is said; to leave nothing to replicate is not heeded. */
export function choosingDisks(state: ItemState, machine: Pick<Machine, "name" | "disks">): ItemState {
  const excluded = state.configuration.excludeDisks;
  const { replicated, problem } = chooseDisks({
    name: machine.name,
    disks: machine.disks.map(({ id }) => id),
    excluded,
  });
  const chosen = { ...state, disks: replicated.length === 0 ? state.disks : replicated };
  // Where a failover led to there are no excluded disks.
  if (problem === undefined || sourceSide(state) !== "primary") return withoutHealth(chosen, ["CONFIG_INVALID"]);
  const message = `${problem} Replicated now: ${chosen.disks.join(", ")}.`;
  if (state.health.some((known) => known.code === "CONFIG_INVALID" && known.message === message)) return chosen;
  const action = `Correct items.${state.item}.excludeDisks and apply it.`;
  return withHealth(
    chosen,
    { code: "CONFIG_INVALID", message },
    { severity: "Warning", category: "Configuration", action },
  );
}

/**
 * A disk that was added to the machine, or taken out, begins or ends to be replicated here. A stretch ends when it sees that the machine has other disks than those
 * answered; one that has grown is taken in by the replication itself. Answers all of them, excluded ones too.
 */
async function takeInDisks(item: ItemHolder): Promise<readonly DiskId[]> {
  const { site, host } = sourceOf(item.state);
  const machine = await atSiteOnce(site).findMachine({ host, nameOrId: trackedMachine(item.state).machine });
  item.update((state) => choosingDisks(state, machine));
  return machine.disks.map(({ id }) => id);
}
