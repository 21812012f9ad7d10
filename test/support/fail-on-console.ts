import { afterAll, afterEach, beforeAll, vi } from "vitest";

/** A test that prints has found something nobody looks at: it fails, and shows what was printed; so does a file that prints beside its tests. */
const methods = ["log", "info", "warn", "error", "debug", "trace"] as const;
let printed: string[] = [];

beforeAll(() => {
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      printed.push(`console.${method}: ${values.map(String).join(" ")}`);
    });
  }
});

afterEach(failIfPrinted);

afterAll(() => {
  for (const method of methods) vi.mocked(console[method]).mockRestore();
  failIfPrinted();
});

function failIfPrinted(): void {
  const told = printed;
  printed = [];
  if (told.length > 0) throw new Error(`The test printed to the console:\n${told.join("\n")}`);
}
