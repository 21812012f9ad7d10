import type { CutDescription, RecoveryPoint } from "#domain/cut.ts";
import { Fault } from "#domain/fault.ts";
import type { CutId } from "#domain/ids.ts";
import type { StandingCut } from "#platforms/platform.ts";
import type { ReplicaState } from "#transfer/replica.ts";
import { carryDisk } from "./carry-disk.ts";
import type { Decision } from "./decide.ts";
import { decide } from "./decide.ts";
import { appConsistentDue, keeps } from "./keeping.ts";
import { releaseFailed, releaseSealed } from "./release.ts";
import type { Stretch } from "./stretch.ts";
import { operationOf } from "./stretch.ts";
import { takeCut } from "./take-cut.ts";

export interface Cycle {
  readonly point: RecoveryPoint;
  readonly cutAtMs: number;
  readonly bytes: number;
  /** The machine was off: until it is started, there is nothing more to send. */
  readonly machineOff: boolean;
}

/**
 * One cycle: cut, carry, seal, release. A record of changes is forgotten only once the replica has sealed a later cut. Whatever goes wrong, the source is
 * released and the records that the replica may go on from stay.
 */
export async function cycle(
  stretch: Stretch,
  options: { readonly keep: "always" | "by-policy"; readonly mayFreeze: boolean },
): Promise<Cycle> {
  const { request, reporter, clock } = stretch;
  const began = clock.now();
  const state = await stretch.session.state(stretch.signal);
  let cut: CutId | undefined;
  try {
    reporter.phase("cutting");
    const standing = without(await takeCut(stretch, cutWanted(stretch, state, options.mayFreeze)), state.files ?? []);
    cut = standing.description.id;
    if (request.mode === "final" && standing.machineOff !== true) throw startedAgain(stretch);
    const moved = await carry(stretch, state, standing);
    reporter.phase("sealing");
    if (standing.machineOff === true) await proveUnwritten(stretch, cut);
    const keep = options.keep === "always" || keeps(request.policy, state, standing.description);
    const { retentionSeconds } = request.policy;
    const point = await stretch.session.seal({ cut: standing.description, keep, retentionSeconds }, stretch.signal);
    reporter.sealed(point, { durationMs: clock.now() - began, ...moved });
    await releaseSealed(stretch, cut);
    return { point, cutAtMs: began, bytes: moved.bytes, machineOff: standing.machineOff === true };
  } catch (error) {
    await releaseFailed(stretch, [state.lastCut, state.incoming?.cut, cut]);
    throw error;
  }
}

/** The last delta says that nothing is missing: of a machine that runs, nobody can say so. */
const startedAgain = ({ request }: Stretch): Fault =>
  new Fault(
    "MACHINE_RUNNING",
    `The machine of item ${request.tracked.item} was started again after it had been shut down for the failover, so its last changes cannot be told. ` +
      "The failover is taken back. Keep whatever starts the machine from doing so, and order it again.",
    { details: { item: request.tracked.item, machine: request.tracked.machine } },
  );

/** Nothing holds the instant of a machine that is off, so that it can be started at any moment: what was read is one instant only if nothing was written meanwhile. */
async function proveUnwritten(stretch: Stretch, cut: CutId): Promise<void> {
  const { tracked } = stretch.request;
  const operation = operationOf(stretch, { verb: "prove-unwritten", cut });
  if (await stretch.source.stillAt({ tracked, cut }, operation)) return;
  throw new Fault(
    "CUT_BROKEN",
    `Machine ${tracked.machine} of item ${tracked.item} was started, or its disks were written to, while they were read as they lay. The cut ${cut} is thrown away and taken again.`,
    { details: { item: tracked.item, cut } },
  );
}

/** The cut, its carried files without the content of those that the replica has already. */
function without(standing: StandingCut, held: readonly string[]): StandingCut {
  const { files } = standing.description;
  if (files === undefined) return standing;
  const sent = files.map(({ content, ...file }) =>
    content === undefined || held.includes(file.sha256) ? file : { ...file, content },
  );
  return { ...standing, description: { ...standing.description, files: sent } };
}

function cutWanted(stretch: Stretch, state: ReplicaState, mayFreeze: boolean): Parameters<typeof takeCut>[1] {
  const { mode, policy } = stretch.request;
  const app = mayFreeze && appConsistentDue(policy, state, stretch.sourceClock.now(state));
  // A long transfer goes on with the cut it began with; a delta is soon sent again, and fresher.
  const long = mode === "seed" || mode === "resynchronize";
  return {
    consistency: app ? "app-consistent" : "crash-consistent",
    ...(long && state.incoming !== undefined && { takeUp: state.incoming.cut }),
  };
}

async function carry(
  stretch: Stretch,
  state: ReplicaState,
  standing: StandingCut,
): Promise<{ readonly bytes: number; readonly wireBytes: number }> {
  const { mode: asked } = stretch.request;
  const decision = receivable(stretch, decide(asked, state, standing), standing.description);
  const { reporter, session, signal } = stretch;
  const { mode, base } = decision;
  if (decision.discard && state.incoming !== undefined) await session.discardIncoming(signal);
  const incoming = await session.begin({ cut: standing.description, mode, ...(base && { base }) }, signal);
  // The replica has the last word on what is there: it may have thrown away what it had, because a disk has grown.
  const { disks } = receivable(stretch, decide(asked, { ...state, incoming }, standing), standing.description);
  reporter.disks(disks);
  reporter.phase(disks.some(({ verb }) => verb === "compare") ? "comparing" : "copying");
  const total = { bytes: 0, wireBytes: 0 };
  for (const plan of disks) {
    if (mode === "delta" && plan.verb === "compare")
      stretch.log("the record of one disk alone is lost: it is compared", {
        item: stretch.request.tracked.item,
        ...plan,
      });
    for (const result of await carryDisk(stretch, plan, standing.description.id)) {
      total.bytes += result.dataBytes;
      total.wireBytes += result.wireBytes;
    }
  }
  return total;
}

function receivable(
  stretch: Stretch,
  decision: Decision,
  cut: CutDescription,
): Extract<Decision, { readonly kind: "receive" }> {
  if (decision.kind === "receive") return decision;
  const { replica, tracked } = stretch.request;
  throw new Fault(
    "RESYNC_REQUIRED",
    `Replica ${replica} of item ${tracked.item} cannot take a delta up to cut ${cut.id}: ${decision.reason}. Resynchronize it; its recovery points stay usable.`,
    { details: { replica, item: tracked.item, cut: cut.id } },
  );
}
