import type { Stretch } from "./stretch.ts";
import { untilSealed } from "./until-sealed.ts";

/** The last delta of a machine that is shut off: after it nothing is missing at the replica. Kept as a point. */
export async function final(stretch: Stretch): Promise<void> {
  await untilSealed(stretch, { keep: "always", mayFreeze: false });
}
