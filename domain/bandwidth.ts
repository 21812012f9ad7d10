import type { BandwidthWindow, ReplicationPolicy } from "#domain/policy.ts";

const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
const formatters = new Map<string, Intl.DateTimeFormat>();

const formatter = (timeZone: string): Intl.DateTimeFormat => {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  formatters.set(timeZone, made);
  return made;
};

/** Weekday (0 is Sunday) and minute of the day, by the wall clock of the zone. */
const wallClock = (timeZone: string, epochMs: number): { readonly day: number; readonly minute: number } => {
  const parts = Object.fromEntries(
    formatter(timeZone)
      .formatToParts(epochMs)
      .map(({ type, value }) => [type, value]),
  );
  const weekday = (parts["weekday"] ?? "").toLowerCase();
  return {
    day: days.findIndex((day) => day === weekday),
    minute: Number(parts["hour"]) * 60 + Number(parts["minute"]),
  };
};

/** `HH:MM`, up to 24:00, as the minute of the day. */
export const minuteOf = (time: string): number => {
  const [hours = "", minutes = ""] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
};

const covers = (window: BandwidthWindow, day: number, minute: number): boolean => {
  const from = minuteOf(window.from);
  const to = minuteOf(window.to);
  const begins = (index: number): boolean => window.days.some((name) => name === days[(index + 7) % 7]);
  if (from < to) return begins(day) && minute >= from && minute < to;
  // Over midnight: the named day is the one it begins on.
  return (begins(day) && minute >= from) || (begins(day - 1) && minute < to);
};

/**
 * The item's limit at that instant in bytes a second; undefined: none. Inside windows that overlap the lowest counts; outside all of them the policy's own limit.
 */
export const bytesPerSecondAt = (
  policy: Pick<ReplicationPolicy, "bandwidthWindows" | "bytesPerSecond" | "timeZone">,
  epochMs: number,
): number | undefined => {
  if (policy.bandwidthWindows.length === 0) return policy.bytesPerSecond;
  const { day, minute } = wallClock(policy.timeZone, epochMs);
  const inForce = policy.bandwidthWindows.filter((window) => covers(window, day, minute));
  return inForce.length === 0 ? policy.bytesPerSecond : Math.min(...inForce.map((window) => window.bytesPerSecond));
};
