import type { Stretch } from "./stretch.ts";
import { untilSealed } from "./until-sealed.ts";

/** Finds the difference by digests, mends it and seals a point. Until then the last good point stays what can be failed over to. Goes on where it was interrupted. */
export async function resynchronize(stretch: Stretch): Promise<void> {
  await untilSealed(stretch, { keep: "always", mayFreeze: false });
}
