import type { Instant } from "#domain/ids.ts";
import type { ItemState } from "#workflows/item/state.ts";

const newestWithinMs = 3_000;
const quickCycleMs = 1_000;

/**
 * Whether so little has been written since the newest point that one more delta before the machine is shut down takes longer than it saves of the last one. A matter
 * of speed alone: the source's clock may be another one than the workflow's.
 */
export function isReplicaFresh({ lastSealed, lastCycle }: ItemState, at: Instant): boolean {
  if (lastSealed === null || lastCycle === null) return false;
  const ageMs = Math.abs(Date.parse(at) - Date.parse(lastSealed.takenAt));
  return ageMs <= newestWithinMs && lastCycle.durationMs <= quickCycleMs;
}
