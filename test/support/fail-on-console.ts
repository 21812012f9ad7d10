import { afterEach, beforeEach, vi } from "vitest";

/** A test that prints has found something nobody looks at: it fails, and shows what was printed. */
const methods = ["log", "info", "warn", "error", "debug", "trace"] as const;
let printed: string[] = [];

beforeEach(() => {
  printed = [];
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      printed.push(`console.${method}: ${values.map(String).join(" ")}`);
    });
  }
});

afterEach(() => {
  for (const method of methods) vi.mocked(console[method]).mockRestore();
  if (printed.length > 0) throw new Error(`The test printed to the console:\n${printed.join("\n")}`);
});
