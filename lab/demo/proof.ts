/** One thing the demo has shown, with what was measured and how anybody can see that it is so. */
export interface Proof {
  readonly claim: string;
  readonly measured: string;
  readonly checkedBy: string;
  readonly holds: boolean;
}

const width = { claim: 34, measured: 34, checkedBy: 46 } as const;

/** The closing table; long cells go on in the next line. */
export const proofTable = (proofs: readonly Proof[]): string => {
  const row = (mark: string, cells: readonly [string, string, string]): string => {
    const columns = [
      wrap(cells[0], width.claim),
      wrap(cells[1], width.measured),
      wrap(cells[2], width.checkedBy),
    ] as const;
    const height = Math.max(...columns.map((lines) => lines.length));
    return Array.from({ length: height }, (_, index) =>
      [
        index === 0 ? mark : "  ",
        (columns[0][index] ?? "").padEnd(width.claim),
        (columns[1][index] ?? "").padEnd(width.measured),
        columns[2][index] ?? "",
      ]
        .join("  ")
        .trimEnd(),
    ).join("\n");
  };
  const rule = "─".repeat(2 + width.claim + width.measured + width.checkedBy + 6);
  return [
    row("  ", ["What was proven", "Measured", "How it was checked"]),
    rule,
    ...proofs.map((proof) => row(proof.holds ? "✓ " : "✗ ", [proof.claim, proof.measured, proof.checkedBy])),
    rule,
  ].join("\n");
};

const wrap = (text: string, columns: number): readonly string[] =>
  text.split(" ").reduce<readonly string[]>((lines, word) => {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) return [...lines, word];
    return [...lines.slice(0, -1), `${last} ${word}`];
  }, []);
