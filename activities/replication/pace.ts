import type { ReplicationPolicy } from "#domain/policy.ts";

/** Back to back, a machine that writes nothing is still cut this often only, so that its host has peace and `latest` stays fresh. */
const idlePauseMs = 1_000;
/** The least pause between two deltas. */
const leastPauseMs = 50;

/** How long to wait before the next cut: by the policy from cut to cut, with 0 at once. */
export function pauseMs(
  policy: Pick<ReplicationPolicy, "intervalSeconds">,
  cycle: { readonly cutAtMs: number; readonly nowMs: number; readonly idle: boolean },
): number {
  const least = policy.intervalSeconds === 0 && cycle.idle ? idlePauseMs : leastPauseMs;
  return Math.max(least, cycle.cutAtMs + policy.intervalSeconds * 1000 - cycle.nowMs);
}
