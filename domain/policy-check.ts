import { minuteOf } from "#domain/bandwidth.ts";
import type { BandwidthWindow, ReplicationPolicy } from "#domain/policy.ts";

/** One reason why a policy cannot be met. `field`: where, inside the policy: `bandwidthWindows[0].from`. */
export interface PolicyViolation {
  readonly field: string;
  readonly message: string;
}

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** Durations in seconds, both ends allowed. */
export const policyLimits = {
  intervalSeconds: { least: 0, most: 15 * minute },
  crashConsistentEverySeconds: { least: 1, most: 12 * hour },
  appConsistentEverySeconds: { least: 10, most: 12 * hour },
  retentionSeconds: { least: 0, most: 15 * day },
  rpoThresholdSeconds: { least: 1, most: 7 * day },
  bytesPerSecond: { least: 64 * 1024, most: Number.MAX_SAFE_INTEGER },
  scratchPercent: { least: 1, most: 100 },
} as const;

/** `90` → `90s`, `3600` → `1h`: the largest unit that divides it. */
export const inUnits = (seconds: number): string => {
  if (seconds !== 0 && seconds % day === 0) return `${String(seconds / day)}d`;
  if (seconds !== 0 && seconds % hour === 0) return `${String(seconds / hour)}h`;
  if (seconds !== 0 && seconds % minute === 0) return `${String(seconds / minute)}m`;
  return `${String(seconds)}s`;
};

const outside = (value: number, { least, most }: { readonly least: number; readonly most: number }): boolean =>
  !Number.isFinite(value) || value < least || value > most;

const range = (field: keyof typeof policyLimits): string => {
  const { least, most } = policyLimits[field];
  if (field === "scratchPercent") return `${String(least)}% to ${String(most)}%`;
  if (field === "bytesPerSecond") return `at least 64KiB/s`;
  return `${inUnits(least)} to ${inUnits(most)}`;
};

/**
 * Everything that is wrong with a policy, all at once; empty when it can be met. Limits follow Azure Site Recovery; shorter intervals are allowed
 * where this engine can keep them.
 */
export const checkPolicy = (policy: ReplicationPolicy): readonly PolicyViolation[] => {
  const violations: PolicyViolation[] = [];
  const refuse = (field: string, message: string): void => {
    violations.push({ field, message });
  };
  const { intervalSeconds, crashConsistentEverySeconds: crash, appConsistentEverySeconds: app } = policy;
  const { retentionSeconds: retention, rpoThresholdSeconds: threshold } = policy;

  if (outside(intervalSeconds, policyLimits.intervalSeconds))
    refuse(
      "intervalSeconds",
      `The interval between deltas must be ${range("intervalSeconds")}; it is ${inUnits(intervalSeconds)}.`,
    );
  if (outside(crash, policyLimits.crashConsistentEverySeconds))
    refuse(
      "crashConsistentEverySeconds",
      `Crash-consistent points must be kept every ${range("crashConsistentEverySeconds")}; every ${inUnits(crash)} is asked for.`,
    );
  else if (crash < intervalSeconds)
    refuse(
      "crashConsistentEverySeconds",
      `A crash-consistent point every ${inUnits(crash)} cannot be kept when a delta is cut only every ${inUnits(intervalSeconds)}: shorten the interval or keep points less often.`,
    );
  else if (retention > 0 && crash > retention)
    refuse(
      "crashConsistentEverySeconds",
      `With a crash-consistent point every ${inUnits(crash)} and a retention of ${inUnits(retention)} each point would be gone before the next one comes.`,
    );
  if (app !== 0) {
    if (outside(app, policyLimits.appConsistentEverySeconds))
      refuse(
        "appConsistentEverySeconds",
        `Application-consistent points must be off or every ${range("appConsistentEverySeconds")}; every ${inUnits(app)} is asked for.`,
      );
    else if (app < intervalSeconds)
      refuse(
        "appConsistentEverySeconds",
        `An application-consistent point every ${inUnits(app)} cannot be taken when a delta is cut only every ${inUnits(intervalSeconds)}.`,
      );
    else if (app >= retention)
      refuse(
        "appConsistentEverySeconds",
        `Application-consistent points every ${inUnits(app)} must come more often than the retention of ${inUnits(retention)}.`,
      );
  }
  if (outside(retention, policyLimits.retentionSeconds))
    refuse(
      "retentionSeconds",
      `The retention must be ${range("retentionSeconds")}; ${inUnits(retention)} is asked for.`,
    );
  if (outside(threshold, policyLimits.rpoThresholdSeconds))
    refuse(
      "rpoThresholdSeconds",
      `The RPO threshold must be ${range("rpoThresholdSeconds")}; it is ${inUnits(threshold)}.`,
    );
  else if (threshold <= intervalSeconds)
    refuse(
      "rpoThresholdSeconds",
      `An RPO threshold of ${inUnits(threshold)} would always be exceeded by an interval of ${inUnits(intervalSeconds)}.`,
    );
  if (policy.bytesPerSecond !== undefined && outside(policy.bytesPerSecond, policyLimits.bytesPerSecond))
    refuse(
      "bytesPerSecond",
      `A bandwidth limit must be ${range("bytesPerSecond")}; ${String(policy.bytesPerSecond)} bytes a second would never finish.`,
    );
  if (outside(policy.scratchPercent, policyLimits.scratchPercent))
    refuse(
      "scratchPercent",
      `The scratch space must be ${range("scratchPercent")} of the disk; it is ${String(policy.scratchPercent)}%.`,
    );
  if (!isTimeZone(policy.timeZone))
    refuse("timeZone", `${policy.timeZone} is no time zone; write one like UTC or Europe/Paris.`);
  for (const [index, window] of policy.bandwidthWindows.entries())
    for (const { field, message } of checkWindow(window))
      refuse(`bandwidthWindows[${String(index)}].${field}`, message);
  return violations;
};

const isTimeZone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    // Intl tells an unknown zone only by throwing.
    return false;
  }
};

const isTime = (time: string): boolean => /^([01]\d|2[0-3]):[0-5]\d$/u.test(time) || time === "24:00";

function* checkWindow(window: BandwidthWindow): Generator<PolicyViolation> {
  if (window.days.length === 0)
    yield { field: "days", message: "A bandwidth window needs at least one day (mon to sun)." };
  if (!isTime(window.from)) yield { field: "from", message: `${window.from} is no time of day; write it as 08:00.` };
  if (!isTime(window.to)) yield { field: "to", message: `${window.to} is no time of day; write it as 18:00.` };
  if (
    isTime(window.from) &&
    isTime(window.to) &&
    minuteOf(window.from) % 1440 === minuteOf(window.to) % 1440 &&
    window.to !== "24:00"
  )
    yield {
      field: "to",
      message: `A window from ${window.from} to ${window.to} is empty; a whole day is 00:00 to 24:00.`,
    };
  if (outside(window.bytesPerSecond, policyLimits.bytesPerSecond))
    yield {
      field: "bytesPerSecond",
      message: `A bandwidth limit must be ${range("bytesPerSecond")}; ${String(window.bytesPerSecond)} bytes a second would never finish.`,
    };
}
