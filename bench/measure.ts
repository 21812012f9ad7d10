/** One figure of a benchmark. With `--json` a benchmark prints one array of these and nothing else on stdout. */
export interface Measure {
  readonly name: string;
  readonly value: number | string;
  readonly unit: string;
  /** A comparison with a number, for instance `<= 1.0`; absent where a figure is only for information. */
  readonly goal?: `${"<=" | ">="} ${number}`;
}

/** Whether the value is as the goal says; undefined without a goal. */
export function meets({ value, goal }: Measure): boolean | undefined {
  if (goal === undefined || typeof value !== "number") return undefined;
  const [comparison, bound] = goal.split(" ");
  return comparison === "<=" ? value <= Number(bound) : value >= Number(bound);
}

export const toJson = (measures: readonly Measure[]): string =>
  JSON.stringify(
    measures.map((measure) => ({
      name: measure.name,
      value: measure.value,
      unit: measure.unit,
      goal: measure.goal ?? null,
      meets: meets(measure) ?? null,
    })),
    undefined,
    1,
  );

export function toTable(measures: readonly Measure[]): string {
  const rows = measures.map((measure) => {
    const verdict = meets(measure);
    return [
      measure.name,
      `${measure.value}`,
      measure.unit,
      measure.goal ?? "",
      verdict === undefined ? "" : verdict ? "yes" : "NO",
    ];
  });
  const all = [["", "value", "unit", "goal", "met"], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return all.map(line).join("\n");
}

/** The middle of several; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new Error("There is no median of nothing.");
  return (low + high) / 2;
}

/** Three digits that mean something. */
export const rounded = (value: number): number => Number(value.toPrecision(3));
