/** Powers of 1024: `512 B`, `3.4 KiB`, `1.2 GiB`. */
export const bytesText = (bytes: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = unit === 0 || value >= 100 ? String(Math.round(value)) : value.toFixed(1);
  return `${text.replace(/\.0$/u, "")} ${units[unit] ?? ""}`;
};
