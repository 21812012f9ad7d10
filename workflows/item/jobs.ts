import type { FaultCode } from "#domain/fault-codes.ts";
import { begin, finish, interruptedBy, refusal } from "#domain/lifecycle.ts";
import type { OperationName } from "#domain/operations.ts";
import { now } from "#workflows/clock.ts";
import { withFencePlaces } from "#workflows/item/fence-place.ts";
import { isOfOldPrimary } from "#workflows/item/fencing.ts";
import { withHealth, withoutHealth } from "#workflows/item/health.ts";
import { keptOnAfter } from "#workflows/item/keeping-on.ts";
import { triedAgain } from "#workflows/item/retry.ts";
import { withSealed } from "#workflows/item/sealed.ts";
import type { ActiveJob, ItemPatch, ItemState } from "#workflows/item/state.ts";
import type { ItemConfigured, JobFinished, JobRecord, JobRefusal, JobRequest } from "#workflows/messages.ts";

/** Pure answers to what jobs say to an item: the next state, and what is to be told to whom. */

export interface Asked {
  readonly state: ItemState;
  readonly refusal?: JobRefusal;
  /** The job that had to give way. */
  readonly interrupted?: ActiveJob;
}

export function ask(state: ItemState, request: JobRequest): Asked {
  const active = state.activeJob;
  if (active?.id === request.jobId && active.runId === request.runId)
    return { state: { ...state, activeJob: { ...active, granted: false } } };
  const asking = { force: request.force === true };
  const refused = refusal(state.lifecycle, request.operation, asking);
  if (refused !== undefined) return { state, refusal: refused };
  const interrupted = interruptedBy(state.lifecycle, request.operation);
  const next: ItemState = {
    ...triedAgain(withoutHealth(state, ["CANCELLED"])),
    lifecycle: begin(state.lifecycle, { id: request.jobId, operation: request.operation }, asking),
    activeJob: {
      id: request.jobId,
      runId: request.runId,
      operation: request.operation,
      since: now(),
      granted: false,
      task: null,
      turnedOff: null,
    },
    resynchronizeByItself: state.resynchronizeByItself && request.operation !== "RepairReplication",
  };
  return { state: next, ...(interrupted === undefined || active === null ? {} : { interrupted: active }) };
}

export function record(state: ItemState, { jobId, patch, task, turnedOff, sealed }: JobRecord): ItemState {
  if (state.activeJob?.id !== jobId) return state;
  return withFencePlaces({
    ...withSealed(state, sealed),
    ...withPresentStreams(state, patch),
    epoch: Math.max(state.epoch, patch?.epoch ?? 0),
    activeJob: {
      ...state.activeJob,
      ...(task === undefined ? {} : { task }),
      ...(turnedOff === undefined ? {} : { turnedOff }),
    },
  });
}

/** A job says what its sides have become; where they are reached is the configuration's to say, which may have been applied anew while that was on its way. */
function withPresentStreams({ sides }: ItemState, patch: ItemPatch | undefined): ItemPatch | undefined {
  if (patch?.sides === undefined || patch.configuration !== undefined) return patch;
  const { primary, secondary } = patch.sides;
  return {
    ...patch,
    sides: {
      primary: { ...primary, stream: sides.primary.stream },
      secondary: { ...secondary, stream: sides.secondary.stream },
    },
  };
}

export function end(state: ItemState, finished: JobFinished): ItemState {
  const job = state.activeJob;
  if (job?.id !== finished.jobId) return state;
  const recorded = record(state, finished);
  const next: ItemState = {
    ...recorded,
    lifecycle: finish(recorded.lifecycle, { id: job.id, operation: job.operation }, finished.outcome, finished.facts),
    activeJob: null,
    waiting: finished.waits ? [...recorded.waiting, job.id] : recorded.waiting,
  };
  if (finished.outcome !== "succeeded") return next;
  // What an earlier order left to be looked at has been looked at.
  const heeded = {
    ...keptOnAfter(next, job.operation),
    health: next.health.filter(({ category }) => category !== "Configuration"),
  };
  return atItsNewSite(withoutHealth(heeded, mended[job.operation] ?? []), job.operation);
}

const failovers: readonly OperationName[] = ["PlannedFailover", "Failback", "UnplannedFailover"];

/** What was wrong with the replication that a failover has ended is over; and the last delta after it is one of the other direction. */
function atItsNewSite(state: ItemState, operation: OperationName): ItemState {
  if (operation === "ReverseReplicate") return { ...state, lastCycle: null };
  if (!failovers.includes(operation)) return state;
  return { ...state, failing: null, stuck: false, health: state.health.filter(isOfOldPrimary) };
}

/** What is over when such a job has succeeded. */
const mended: Partial<Readonly<Record<OperationName, readonly FaultCode[]>>> = {
  RepairReplication: ["RESYNC_REQUIRED", "TRACKING_LOST"],
  // It is the primary again, with what it wrote.
  CancelFailover: ["STALE_EPOCH"],
  // The old primary, which had been started again, is the replica now.
  ReverseReplicate: ["STALE_EPOCH"],
};

/** A job that has ended without a word: terminated, or timed out. `outcome` and `facts` say what the item made of what it left behind. */
export function mourn(
  state: ItemState,
  died: {
    readonly end: string;
    readonly undone: readonly string[];
    readonly finished: Pick<JobFinished, "facts" | "patch">;
  },
): ItemState {
  const job = state.activeJob;
  if (job === null) return state;
  const during = job.task === null ? "" : ` during its task “${job.task}”`;
  const undone = died.undone.length === 0 ? "It had changed nothing that had to be undone." : died.undone.join(" ");
  return withHealth(
    end(state, { jobId: job.id, outcome: "failed", waits: false, ...died.finished }),
    { code: "INTERNAL", message: `The job ${job.id} ended without finishing (${died.end})${during}. ${undone}` },
    {
      severity: "Warning",
      category: "Configuration",
      action: "Look at the machine at both sites, then give the order again.",
    },
  );
}

/** The configuration has been applied anew: replication goes by it from the next stretch on, without sending anything again. */
export function configured(state: ItemState, said: ItemConfigured): ItemState {
  const { primary, secondary } = state.sides;
  return {
    ...state,
    configuration: said.configuration,
    policy: said.policy,
    networkMappings: said.networkMappings,
    sides: {
      primary: { ...primary, stream: said.streams.primary },
      secondary: { ...secondary, stream: said.streams.secondary },
    },
  };
}
