import { isFault } from "#domain/fault.ts";
import { instant } from "#domain/ids.ts";
import type { Cycle } from "./cycle.ts";
import { cycle } from "./cycle.ts";
import { type DiskWatch, watchDisks } from "./disk-watch.ts";
import { pauseMs } from "./pace.ts";
import type { Stretch } from "./stretch.ts";
import { operationOf } from "./stretch.ts";
import { cutBroke, tooFast } from "./until-sealed.ts";

const brokenInARow = 5;
/** A guest that could not be frozen is not asked again in each cycle: freezing stops its writes. */
const freezeAgainAfterMs = 60_000;

/**
 * Delta cycles by the policy until `returnAfterSeconds` have passed, or the machine has other disks. Each starts at the newest sealed cut, also after a cycle that failed
 * half-way.
 */
export async function run(stretch: Stretch): Promise<void> {
  const { clock, request, reporter, until } = stretch;
  const disks = watchDisks(stretch);
  let broken = 0;
  let freezeAgainAt = 0;
  // A stretch before this one may have left it off.
  let machineOff = true;
  do {
    if (await disks.changed()) return;
    if (machineOff && (await nothingNew(stretch))) {
      const now = clock.now();
      const pause = pauseMs(request.policy, { cutAtMs: now, nowMs: now, idle: true });
      if (now + pause >= until) return await rest(stretch, pause);
      await clock.sleep(pause, stretch.signal);
      continue;
    }
    const before = freezeFailure(stretch);
    const done = await oneCycle(stretch, { disks, mayFreeze: clock.now() >= freezeAgainAt });
    if (done === "other-disks") return;
    const failure = freezeFailure(stretch);
    if (failure !== undefined && failure !== before) freezeAgainAt = clock.now() + freezeAgainAfterMs;
    broken = "point" in done ? 0 : broken + 1;
    machineOff = "point" in done && done.machineOff;
    if (machineOff) sayOff(stretch);
    else if ("point" in done) reporter.passed("MACHINE_NOT_RUNNING");
    if (!("point" in done) && broken >= brokenInARow) throw tooFast(stretch, done.broken);
    if (!("point" in done)) {
      reporter.again(cutBroke);
      continue;
    }
    reporter.phase("waiting");
    const pause = pauseMs(request.policy, { cutAtMs: done.cutAtMs, nowMs: clock.now(), idle: done.bytes === 0 });
    if (clock.now() + pause >= until) return await rest(stretch, pause);
    await clock.sleep(pause, stretch.signal);
  } while (clock.now() < until);
}

/** The next run begins with a cut: the interval holds from one to the next as well. One that was asked for a single cycle is waited for. */
async function rest({ clock, request, signal }: Stretch, pause: number): Promise<void> {
  if (request.returnAfterSeconds > 0) await clock.sleep(pause, signal);
}

/** The machine is off, and all it has is sealed: another cut would say the same, and its host is left alone. */
async function nothingNew(stretch: Stretch): Promise<boolean> {
  const { lastCut, incoming } = await stretch.session.state(stretch.signal);
  if (lastCut === undefined || incoming !== undefined) return false;
  const { tracked } = stretch.request;
  const operation = operationOf(stretch, { verb: "nothing-new", cut: lastCut });
  if (!(await stretch.source.stillAt({ tracked, cut: lastCut }, operation))) return false;
  stretch.reporter.phase("waiting");
  sayOff(stretch);
  return true;
}

/** Its time is when that was last seen to be so. */
function sayOff({ request, reporter, clock }: Stretch): void {
  reporter.warn({
    code: "MACHINE_NOT_RUNNING",
    message: `The machine of item ${request.tracked.item} is not running. All that its disks hold is at the replica; replication goes on by itself when it is started.`,
    at: instant(clock.now()),
  });
}

/** The latest there was; another object with every failure. */
const freezeFailure = ({ reporter }: Stretch) =>
  reporter.report.warnings.findLast(({ code }) => code === "GUEST_FREEZE_FAILED");

async function oneCycle(
  stretch: Stretch,
  { disks, mayFreeze }: { readonly disks: DiskWatch; readonly mayFreeze: boolean },
): Promise<Cycle | { readonly broken: Parameters<typeof tooFast>[1] } | "other-disks"> {
  try {
    return await cycle(stretch, { keep: "by-policy", mayFreeze });
  } catch (error) {
    if (isFault(error) && error.code === "CUT_BROKEN") return { broken: error };
    // One that was taken out is not to be replicated any more: no trouble, if that is why.
    const untrackable = isFault(error) && error.code === "DISK_NOT_TRACKABLE";
    if (untrackable && (await disks.changed({ now: true }))) return "other-disks";
    throw error;
  }
}
