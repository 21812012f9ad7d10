import { expect, test } from "vitest";
import { addTallies, closingLine, nothing, type Report, tallyOf } from "#test/run/tally.ts";

const report: Report = {
  numPassedTests: 3,
  numFailedTests: 1,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [
    { name: "a.test.ts", status: "failed", assertionResults: [{ status: "failed" }, { status: "passed" }] },
  ],
};

test("the closing line is plain", () => {
  expect(closingLine(addTallies(tallyOf(report, ["unit"]), { ...nothing, passed: 4 }))).toBe("7 passed, 1 failed");
});

test("a file that could not be loaded counts as a failure and is named", () => {
  const broken = { name: "b.test.ts", status: "failed", message: "Cannot find module", assertionResults: [] };
  const tally = tallyOf({ ...report, testResults: [...report.testResults, broken] }, ["unit"]);
  expect(tally.failed).toBe(2);
  expect(tally.complaints).toEqual(["b.test.ts could not be run: Cannot find module"]);
});

test("a skipped test counts as a failure", () => {
  expect(tallyOf({ ...report, numPendingTests: 2 }, ["unit"]).failed).toBe(3);
});

test("no test at all counts as a failure", () => {
  const empty = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  expect(tallyOf(empty, ["lab"])).toMatchObject({ failed: 1, complaints: ["No test was found in lab."] });
});
