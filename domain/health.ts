import type { FaultCode } from "#domain/fault-codes.ts";
import { faultTable } from "#domain/fault-table.ts";
import { instant, type Instant } from "#domain/ids.ts";
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

/** The worst of the errors; `None` where nothing replicates. A required resynchronization is critical whatever else is known. */
export const healthLevel = (state: ProtectionState, errors: readonly HealthError[]): HealthLevel => {
  if (!replicating.includes(state)) return errors.some((error) => error.severity === "Critical") ? "Critical" : "None";
  if (state === "resynchronization-required" || errors.some((error) => error.severity === "Critical"))
    return "Critical";
  return errors.length > 0 ? "Warning" : "Normal";
};

/** The warning that the newest point is older than the policy's threshold; undefined when it is not. */
export const rpoHealth = (
  policy: Pick<ReplicationPolicy, "rpoThresholdSeconds">,
  newestTakenAt: Instant,
  nowMs: number,
): HealthError | undefined => {
  const age = rpoSeconds(newestTakenAt, nowMs);
  if (age <= policy.rpoThresholdSeconds) return undefined;
  return healthError(
    "RPO_EXCEEDED",
    `The newest recovery point was taken ${inUnits(age)} ago, at ${newestTakenAt}; the policy's threshold is ${inUnits(policy.rpoThresholdSeconds)}.`,
    instant(nowMs),
  );
};
