import type { FaultCode } from "#domain/fault-codes.ts";
import { faultTable } from "#domain/fault-table.ts";
import { exposedStates, type ExposedState } from "#domain/exposure.ts";
import { instant, type Instant, type ItemName, type SiteName } from "#domain/ids.ts";
import type { HealthError, HealthLevel } from "#domain/item-view.ts";
import { inUnits } from "#domain/policy-check.ts";
import type { ReplicationPolicy } from "#domain/policy.ts";
import { rpoSeconds } from "#domain/rpo.ts";
import type { ProtectionState } from "#domain/states.ts";

/** What is published for a fault: the table's meaning, with the sentence of this case. */
export const healthError = (code: FaultCode, message: string, at: Instant): HealthError => {
  const { severity, category, causes, action } = faultTable[code];
  return { code, severity, category, message, causes, action, at };
};

/** States in which data is, or should be, on its way. In the others there is no replication whose health one could tell. */
const replicating: readonly ProtectionState[] = [
  "initial-replication",
  "protected",
  "paused",
  "resynchronization-required",
  "resynchronizing",
];

/** What is to be looked at first comes first: the worst, and of those what is newest. */
export const inOrder = (errors: readonly HealthError[]): readonly HealthError[] => {
  const rank = ({ severity }: HealthError): number => (severity === "Critical" ? 0 : 1);
  return errors.toSorted((one, other) => rank(one) - rank(other) || other.at.localeCompare(one.at));
};

/** The worst of what is told; with nothing told, `None` where nothing replicates. A required resynchronization is critical whatever else is known. */
export const healthLevel = (state: ProtectionState, errors: readonly HealthError[]): HealthLevel => {
  if (state === "resynchronization-required" || errors.some((error) => error.severity === "Critical"))
    return "Critical";
  if (errors.length > 0) return "Warning";
  return replicating.includes(state) ? "Normal" : "None";
};

/**
 * How bad a failed replication is (spec: lifecycle §6): critical is what is not tried again and waits for an administrator. What is tried again is a warning; it becomes
 * critical with the point's age (`rpoHealth`).
 */
export const failureSeverity = (code: FaultCode): HealthError["severity"] =>
  faultTable[code].recoverable ? "Warning" : "Critical";

/** That the newest point is older than the policy's threshold; undefined when it is not. Critical while replication fails: then it will not catch up. */
export const rpoHealth = (
  policy: Pick<ReplicationPolicy, "rpoThresholdSeconds">,
  now: { readonly newestTakenAt: Instant; readonly nowMs: number; readonly failing: boolean },
): HealthError | undefined => {
  const { newestTakenAt, nowMs, failing } = now;
  const age = rpoSeconds(newestTakenAt, nowMs);
  if (age <= policy.rpoThresholdSeconds) return undefined;
  const error = healthError(
    "RPO_EXCEEDED",
    `The newest recovery point was taken ${inUnits(age)} ago, at ${newestTakenAt}; the policy's threshold is ${inUnits(policy.rpoThresholdSeconds)}.`,
    instant(nowMs),
  );
  return failing ? { ...error, severity: "Critical" } : error;
};

/** What stands in the health of a machine that has failed over until its replication is reversed. `since`: what it began with is of that instant. */
export const notReplicated = (
  state: ExposedState,
  at: {
    readonly item: ItemName;
    readonly activeSite: SiteName;
    readonly otherSite: SiteName;
    readonly since: Instant | undefined;
  },
): HealthError => {
  const { item, activeSite, otherSite, since } = at;
  const message = `Nothing is replicated from site ${activeSite} yet: if that site is lost, all that ${item} has written since ${since ?? "the failover"} is lost with it. ${exposedStates[state].elsewhere(otherSite)}`;
  const action = `Reverse the replication as soon as site ${otherSite} can take it: understudy reprotect ${item}.`;
  return { ...healthError("NOT_REPLICATED", message, since ?? instant(0)), action };
};
