import { TestWorkflowEnvironment } from "@temporalio/testing";
import { expect, test } from "vitest";
import { timeSkippingExecutable } from "#lab/temporal/executable.ts";

test("a month of a workflow's life passes in seconds on the time-skipping server", async () => {
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: "existing-path", path: timeSkippingExecutable() } },
  });
  try {
    const month = 30 * 86_400_000;
    const before = await environment.currentTimeMs();
    const began = performance.now();
    await environment.sleep(month);
    expect(performance.now() - began).toBeLessThan(5000);
    expect((await environment.currentTimeMs()) - before).toBeGreaterThanOrEqual(month);
  } finally {
    await environment.teardown();
  }
}, 60_000);
