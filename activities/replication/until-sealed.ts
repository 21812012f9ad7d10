import { Fault, isFault } from "#domain/fault.ts";
import type { Cycle } from "./cycle.ts";
import { cycle } from "./cycle.ts";
import type { Stretch } from "./stretch.ts";

/** How often in a row a cut may break without one more block being received. */
const triesWithoutProgress = 5;

/**
 * Cycles until a point is sealed: a cut that broke because the guest overwrote more than the scratch space holds is taken again, and what was received is
 * gone on with. Rejects with `CUT_BROKEN` when that leads nowhere.
 */
export async function untilSealed(stretch: Stretch, options: Parameters<typeof cycle>[1]): Promise<Cycle> {
  let received = await receivedBytes(stretch);
  for (let tries = 1; ; tries++) {
    try {
      return await cycle(stretch, options);
    } catch (error) {
      if (!isFault(error) || error.code !== "CUT_BROKEN") throw error;
      const now = await receivedBytes(stretch);
      if (now > received) tries = 0;
      received = Math.max(received, now);
      if (tries >= triesWithoutProgress) throw tooFast(stretch, error);
      stretch.reporter.again(cutBroke);
      stretch.log("the cut broke and is taken again", { item: stretch.request.tracked.item, received, tries });
    }
  }
}

/** Why a pass is begun anew; what was received is gone on with. */
export const cutBroke = "the cut broke and is taken anew";

async function receivedBytes(stretch: Stretch): Promise<number> {
  const { incoming } = await stretch.session.state(stretch.signal);
  return Object.values(incoming?.resumeOffsets ?? {}).reduce((sum, offset) => sum + offset, 0);
}

export const tooFast = (stretch: Stretch, cause: Fault): Fault =>
  new Fault(
    "CUT_BROKEN",
    `The guest of item ${stretch.request.tracked.item} overwrites more than ${stretch.request.policy.scratchPercent} % of a disk before the cut is sent: ` +
      `${triesWithoutProgress} cuts in a row broke. Raise the policy's scratchPercent or its bandwidth. (${cause.message})`,
    { cause, details: { item: stretch.request.tracked.item } },
  );
