/** Figures as the story prints them. */

export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** 1.5 MB, in powers of ten as links and disks are sold. */
export const inBytes = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ""}`;
};

/** `12.3 MB of 40.0 MB (30%)`. */
export const inProgress = (done: number, total: number): string =>
  `${inBytes(done)} of ${inBytes(total)} (${String(total === 0 ? 100 : Math.floor((100 * done) / total))}%)`;

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)];
  if (middle === undefined) throw new RangeError("No values to take a median of.");
  return middle;
};
