import { isFault } from "#domain/fault.ts";
import type { Cycle } from "./cycle.ts";
import { cycle } from "./cycle.ts";
import { type DiskWatch, watchDisks } from "./disk-watch.ts";
import { pauseMs } from "./pace.ts";
import type { Stretch } from "./stretch.ts";
import { tooFast } from "./until-sealed.ts";

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
  do {
    if (await disks.changed()) return;
    const before = freezeFailure(stretch);
    const done = await oneCycle(stretch, { disks, mayFreeze: clock.now() >= freezeAgainAt });
    if (done === "other-disks") return;
    const failure = freezeFailure(stretch);
    if (failure !== undefined && failure !== before) freezeAgainAt = clock.now() + freezeAgainAfterMs;
    broken = "point" in done ? 0 : broken + 1;
    if (!("point" in done) && broken >= brokenInARow) throw tooFast(stretch, done.broken);
    if (!("point" in done)) continue;
    reporter.phase("waiting");
    const pause = pauseMs(request.policy, { cutAtMs: done.cutAtMs, nowMs: clock.now(), idle: done.bytes === 0 });
    if (clock.now() + pause >= until) return;
    await clock.sleep(pause, stretch.signal);
  } while (clock.now() < until);
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
