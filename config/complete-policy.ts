import type { WrittenPolicy } from "./schema.ts";
import { defaultPolicy, type ReplicationPolicy } from "#domain/policy.ts";

const everyDay = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

/** What the file calls the fields of a policy. */
export const writtenFields: Readonly<Record<string, string>> = {
  intervalSeconds: "interval",
  crashConsistentEverySeconds: "crashConsistentEvery",
  appConsistentEverySeconds: "appConsistentEvery",
  retentionSeconds: "retention",
  rpoThresholdSeconds: "rpoThreshold",
  bytesPerSecond: "bandwidthLimit",
  bandwidthWindows: "bandwidth",
  scratchPercent: "scratch",
};

/** A written policy with the defaults in. */
export const completePolicy = (name: string, written: WrittenPolicy): ReplicationPolicy => {
  const limit = written.bandwidthLimit ?? defaultPolicy.bytesPerSecond;
  return {
    name,
    intervalSeconds: written.interval ?? defaultPolicy.intervalSeconds,
    crashConsistentEverySeconds: written.crashConsistentEvery ?? defaultPolicy.crashConsistentEverySeconds,
    appConsistentEverySeconds: written.appConsistentEvery ?? defaultPolicy.appConsistentEverySeconds,
    retentionSeconds: written.retention ?? defaultPolicy.retentionSeconds,
    rpoThresholdSeconds: written.rpoThreshold ?? defaultPolicy.rpoThresholdSeconds,
    ...(limit === undefined ? {} : { bytesPerSecond: limit }),
    bandwidthWindows: (written.bandwidth ?? []).map((window) => ({
      days: window.days ?? everyDay,
      from: window.from,
      to: window.to,
      bytesPerSecond: window.limit,
    })),
    timeZone: written.timeZone ?? defaultPolicy.timeZone,
    scratchPercent: written.scratch ?? defaultPolicy.scratchPercent,
    compression: written.compression ?? defaultPolicy.compression,
  };
};
