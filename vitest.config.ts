import { defineConfig } from "vitest/config";
import { WaitingFirst } from "./test/run/waiting-first.ts";

/** What a project's tests may take; a test that needs longer says so itself. */
const within = (seconds: number) => ({ testTimeout: seconds * 1000, hookTimeout: seconds * 1000 });

const project = (options: {
  readonly name: string;
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  readonly seconds: number;
  readonly serial?: boolean;
  readonly globalSetup?: string;
}) => ({
  test: {
    name: options.name,
    include: [...options.include],
    exclude: [...(options.exclude ?? [])],
    setupFiles: ["./test/support/fail-on-console.ts"],
    ...(options.globalSetup === undefined ? {} : { globalSetup: options.globalSetup }),
    pool: "forks" as const,
    // The files of a worker share its process and what they import: to load that anew for each costs more than most files' tests. What a file changes of
    // its process (spies, timers, the environment) it puts back itself.
    isolate: false,
    fileParallelism: options.serial !== true,
    ...within(options.seconds),
  },
});

const bundle = "./test/run/bundle-workflows.ts";

export default defineConfig({
  test: {
    sequence: { sequencer: WaitingFirst },
    projects: [
      project({ name: "unit", include: ["test/unit/**/*.test.ts"], seconds: 10 }),
      project({
        name: "contract",
        include: ["test/contract/**/*.test.ts"],
        exclude: ["**/*.lab.test.ts"],
        seconds: 30,
      }),
      project({ name: "workflows", include: ["test/workflows/**/*.test.ts"], seconds: 180, globalSetup: bundle }),
      project({ name: "replay", include: ["test/replay/**/*.test.ts"], seconds: 60, globalSetup: bundle }),
      // On real hosts: one after the other, because they share the machine's addresses and its two cores.
      project({
        name: "lab",
        include: ["test/lab/**/*.test.ts", "test/contract/**/*.lab.test.ts"],
        seconds: 600,
        serial: true,
      }),
    ],
  },
});
