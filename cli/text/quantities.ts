import { bytesText } from "#domain/bytes-text.ts";

/** `950 ms`, `4.7 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`: two units at most. */
export const durationText = (milliseconds: number): string => {
  if (milliseconds < 1000) return `${String(Math.round(milliseconds))} ms`;
  if (milliseconds < 60_000) {
    const tenths = Math.round(milliseconds / 100);
    return `${tenths % 10 === 0 ? String(tenths / 10) : (tenths / 10).toFixed(1)} s`;
  }
  const seconds = Math.floor(milliseconds / 1000);
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  const [name, size] = units[first] ?? units[3];
  const rest = units[first + 1];
  const whole = `${String(Math.floor(seconds / size))} ${name}`;
  const remainder = rest === undefined ? 0 : Math.floor((seconds % size) / rest[1]);
  return rest === undefined || remainder === 0 ? whole : `${whole} ${String(remainder)} ${rest[0]}`;
};

/** `12.3 MiB of 40 MiB (30%)`. */
export const progressText = (done: number, total: number): string =>
  `${bytesText(done)} of ${bytesText(total)} (${String(total === 0 ? 100 : Math.floor((100 * done) / total))}%)`;
