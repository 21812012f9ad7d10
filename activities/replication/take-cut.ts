import { isFault } from "#domain/fault.ts";
import type { Consistency } from "#domain/cut.ts";
import type { CutId } from "#domain/ids.ts";
import { instant } from "#domain/ids.ts";
import type { StandingCut } from "#platforms/platform.ts";
import { newCutId } from "./new-cut-id.ts";
import type { Stretch } from "./stretch.ts";
import { operationOf } from "./stretch.ts";

/**
 * One instant of the machine. `takeUp`: a cut that an interrupted transfer began with; if it still stands, what was received of it stays good as it is.
 * A guest that cannot be frozen is cut crash-consistent, with a warning.
 */
export async function takeCut(
  stretch: Stretch,
  wanted: { readonly consistency: Consistency; readonly takeUp?: CutId },
): Promise<StandingCut> {
  const standing = wanted.takeUp === undefined ? undefined : await stillStanding(stretch, wanted.takeUp);
  if (standing !== undefined) return tell(stretch, standing);
  try {
    return tell(stretch, await cutNow(stretch, wanted.consistency));
  } catch (error) {
    if (!isFault(error) || error.code !== "GUEST_FREEZE_FAILED") throw error;
    stretch.reporter.warn({ code: error.code, message: error.message, at: instant(stretch.clock.now()) });
    return tell(stretch, await cutNow(stretch, "crash-consistent"));
  }
}

/** What a cut lacks is said, and hinders nothing. */
function tell(stretch: Stretch, standing: StandingCut): StandingCut {
  for (const warning of standing.warnings ?? [])
    stretch.reporter.warn({ ...warning, at: instant(stretch.clock.now()) });
  return standing;
}

async function cutNow(stretch: Stretch, consistency: Consistency): Promise<StandingCut> {
  const { tracked, policy } = stretch.request;
  const cut = newCutId(stretch.clock.now());
  const request = { tracked, cut, consistency, scratchPercent: policy.scratchPercent };
  const standing = await stretch.source.cut(request, operationOf(stretch, { verb: "cut", cut }));
  stretch.sourceClock.heard(standing.description.takenAt);
  return standing;
}

async function stillStanding(stretch: Stretch, cut: CutId): Promise<StandingCut | undefined> {
  const { tracked } = stretch.request;
  const standing = await stretch.source.standingCut(tracked, operationOf(stretch, { verb: "standing-cut", cut }));
  if (standing?.description.id !== cut || standing.description.epoch !== tracked.epoch) return undefined;
  const disks = standing.description.disks.map(({ id }) => id);
  return disks.length === tracked.disks.length && tracked.disks.every((disk) => disks.includes(disk))
    ? standing
    : undefined;
}
