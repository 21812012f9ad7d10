/** A table as aligned text with a head line; the last column is not padded. Empty cells show as `-`. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const shown = [head, ...rows.map((row) => row.map((cell) => (cell === "" ? "-" : cell)))];
  const widths = head.map((_, column) => Math.max(...shown.map((row) => (row[column] ?? "").length)));
  return shown
    .map((row) =>
      row.map((cell, column) => cell.padEnd(column === head.length - 1 ? 0 : (widths[column] ?? 0))).join("  "),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
};

/** `name  value` lines, aligned. */
export const pairs = (entries: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
};
