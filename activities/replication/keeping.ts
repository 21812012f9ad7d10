import type { CutDescription } from "#domain/cut.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import type { ReplicaState } from "#transfer/replica.ts";

type Kept = Pick<ReplicaState, "lastKeptAt" | "lastAppConsistentAt">;

const due = (lastAt: string | undefined, everySeconds: number, nowMs: number): boolean =>
  lastAt === undefined || nowMs - Date.parse(lastAt) >= everySeconds * 1000;

/** Whether the next cut is to be application-consistent. All times are the source's: `nowMs` too. */
export const appConsistentDue = (policy: ReplicationPolicy, kept: Kept, nowMs: number): boolean =>
  policy.appConsistentEverySeconds > 0 && due(kept.lastAppConsistentAt, policy.appConsistentEverySeconds, nowMs);

/** Whether a cut becomes a recovery point that is kept: each application-consistent one, and one in the policy's interval. */
export const keeps = (policy: ReplicationPolicy, kept: Kept, cut: CutDescription): boolean =>
  cut.consistency === "app-consistent" ||
  due(kept.lastKeptAt, policy.crashConsistentEverySeconds, Date.parse(cut.takenAt));
