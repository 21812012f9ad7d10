import type { CutId } from "#domain/ids.ts";
import type { Stretch } from "./stretch.ts";
import { operationOf } from "./stretch.ts";

/** The production machine must not hold blocks back for us longer than this after a failure, also when we were cancelled. */
const boundMs = 15_000;

/** Ends the standing cut after the replica has sealed it: from here on only the record since it is needed. */
export function releaseSealed(stretch: Stretch, cut: CutId): Promise<void> {
  const { tracked } = stretch.request;
  return stretch.source.release({ tracked, keep: [cut] }, operationOf(stretch, { verb: "release", cut }));
}

/**
 * Ends whatever stands after a failure. The records that the replica may need stay: its last cut, the incoming delta's first cut, and the one that was just
 * under way, because its seal may have succeeded although the answer never came.
 */
export async function releaseFailed(stretch: Stretch, keep: readonly (CutId | undefined)[]): Promise<void> {
  const { tracked } = stretch.request;
  const known = [...new Set(keep.filter((cut) => cut !== undefined))];
  const operation = operationOf(stretch, { verb: "release-failed", signal: AbortSignal.timeout(boundMs) });
  try {
    await stretch.source.release({ tracked, keep: known }, operation);
  } catch (error) {
    // The failure that led here is the one to be told; the next cut releases what this could not.
    stretch.log("the source could not be released after a failure", { item: tracked.item, error: String(error) });
  }
}
