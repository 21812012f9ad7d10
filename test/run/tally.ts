export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Sentences about what the numbers alone do not say. */
  readonly complaints: readonly string[];
}

export const nothing: Tally = { passed: 0, failed: 0, complaints: [] };

export const addTallies = (one: Tally, other: Tally): Tally => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
  complaints: [...one.complaints, ...other.complaints],
});

export const closingLine = (tally: Tally): string => `${tally.passed} passed, ${tally.failed} failed`;

/** What is read of vitest's JSON report. */
export interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** A file that could not even be loaded, and a test that was skipped, count as failures too: nothing may look green because it did not run. */
export const tallyOf = (report: Report, projects: readonly string[]): Tally => {
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const skipped = report.numPendingTests + report.numTodoTests;
  const none = report.testResults.length === 0 ? [`No test was found in ${projects.join(", ")}.`] : [];
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length + skipped + none.length,
    complaints: [
      ...broken.map((file) => `${file.name} could not be run: ${file.message ?? "no message"}`),
      ...(skipped > 0 ? [`${skipped} tests were skipped; a test runs or is deleted.`] : []),
      ...none,
    ],
  };
};
