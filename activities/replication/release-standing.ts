import type { ReplicationSource } from "#platforms/platform.ts";
import type { ReplicateRequest } from "./request.ts";
import type { Log } from "./stretch.ts";

/** The production machine must not hold blocks back for us longer than this after a failure, also when we were cancelled. */
const boundMs = 15_000;

/**
 * Ends a cut that still stands when a run ends badly, for instance one of a worker that died before, while the replica cannot be asked what it has: every
 * record stays.
 */
export async function releaseStanding(
  options: { readonly source: ReplicationSource; readonly log: Log },
  { tracked, replica }: ReplicateRequest,
): Promise<void> {
  const operation = { id: `${replica}/release-standing`, signal: AbortSignal.timeout(boundMs), progress: () => {} };
  try {
    const standing = await options.source.standingCut(tracked, operation);
    if (standing === undefined) return;
    const keep = new Set([standing.description.id, ...Object.values(standing.trackedSince).flat()]);
    await options.source.release({ tracked, keep: [...keep] }, operation);
  } catch (error) {
    // The failure that led here is the one to be told; the next cut releases what this could not.
    options.log("a standing cut could not be released", { item: tracked.item, error: String(error) });
  }
}
