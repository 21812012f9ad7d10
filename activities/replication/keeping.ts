import type { CutDescription } from "#domain/cut.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import type { ReplicaState } from "#transfer/replica.ts";

type Kept = Pick<ReplicaState, "lastKeptAt" | "lastAppConsistentAt">;

/** Also when the last one lies ahead: the source's clock was set back, and may take a year to get there again. */
const due = (lastAt: string | undefined, everySeconds: number, nowMs: number | undefined): boolean => {
  if (lastAt === undefined || nowMs === undefined) return lastAt === undefined;
  const age = nowMs - Date.parse(lastAt);
  return age >= everySeconds * 1000 || age < -toleratedMs;
};

/** Two readings of one clock by two ways may differ by so much. */
const toleratedMs = 60_000;

/** Whether the next cut is to be application-consistent. All times are the source's: `nowMs` too (undefined: nothing is known of it). */
export const appConsistentDue = (policy: ReplicationPolicy, kept: Kept, nowMs: number | undefined): boolean =>
  policy.appConsistentEverySeconds > 0 && due(kept.lastAppConsistentAt, policy.appConsistentEverySeconds, nowMs);

/** Whether a cut becomes a recovery point that is kept: each application-consistent one, and one in the policy's interval. */
export const keeps = (policy: ReplicationPolicy, kept: Kept, cut: CutDescription): boolean =>
  cut.consistency === "app-consistent" ||
  due(kept.lastKeptAt, policy.crashConsistentEverySeconds, Date.parse(cut.takenAt));
