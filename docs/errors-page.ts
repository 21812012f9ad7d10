import { writeFile } from "node:fs/promises";
import { faultCodes, type FaultCode } from "#domain/fault-codes.ts";
import { faultTable } from "#domain/fault-table.ts";

const section = (code: FaultCode): string => {
  const { summary, severity, category, recoverable, causes, action, exitCode } = faultTable[code];
  const retried = recoverable
    ? "tried again by itself, after 1, 2, 4, 8, 10 and then every 30 minutes"
    : "not tried again: somebody must act";
  return `## ${code}

${summary}

- Severity: ${severity} · category: ${category} · exit code: ${String(exitCode)} · ${retried}
- Possible causes: ${causes.join(" ")}
- What to do: ${action}
`;
};

/** docs/errors.md, made from the fault table; a test says when the two differ. */
export const errorsPage = (): string => `# Errors

Every error has one of these codes: in the command line's output, in health, as the failure type of a job in Temporal's UI.
This page is made from \`domain/fault-table.ts\` by \`node docs/errors-page.ts\`; do not edit it by hand. Exit codes: [cli.md](cli.md#exit-codes).

${faultCodes.map((code) => `[${code}](#${code.toLowerCase()})`).join(" · ")}

${faultCodes.map(section).join("\n")}`;

if (import.meta.main) await writeFile(new URL("errors.md", import.meta.url), errorsPage());
