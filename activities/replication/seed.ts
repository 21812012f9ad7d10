import type { Stretch } from "./stretch.ts";
import { untilSealed } from "./until-sealed.ts";

/** Initial replication: ends with the replica's first recovery point. An interrupted one goes on where it was. */
export async function seed(stretch: Stretch): Promise<void> {
  await untilSealed(stretch, { keep: "always", mayFreeze: false });
}
