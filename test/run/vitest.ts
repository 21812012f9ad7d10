import { execa } from "execa";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { tallyOf, type Report, type Tally } from "./tally.ts";

const folder = join(import.meta.dirname, "../../.cache/test-results");
/** Beyond this a run hangs; it is ended, and counted as failed. */
const longestMinutes = 30;

/** Runs vitest over these projects, its own output shown, and counts from its JSON report. */
export const runProjects = async (options: {
  readonly projects: readonly string[];
  readonly progress: (sentence: string) => void;
  /** Files at once; vitest's own choice otherwise, which is one less than there are processors. */
  readonly workers?: number;
}): Promise<Tally> => {
  const { projects, progress, workers } = options;
  progress(`\nTests: ${projects.join(", ")}`);
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${projects.join("-")}.json`);
  await rm(file, { force: true });
  const { exitCode, timedOut } = await execa(
    "vitest",
    [
      "run",
      ...projects.map((name) => `--project=${name}`),
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${file}`,
      ...(workers === undefined ? [] : [`--maxWorkers=${workers}`]),
    ],
    {
      preferLocal: true,
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      reject: false,
      timeout: longestMinutes * 60_000,
    },
  );
  const report = await readReport(file);
  if (report === undefined || timedOut) {
    const why = timedOut
      ? `did not end within ${longestMinutes} minutes`
      : `ended with ${exitCode} and without a report`;
    return { passed: 0, failed: 1, complaints: [`vitest (${projects.join(", ")}) ${why}.`] };
  }
  const tally = tallyOf(report, projects);
  if (exitCode === 0 || tally.failed > 0) return tally;
  return { ...tally, failed: 1, complaints: [`vitest (${projects.join(", ")}) ended with ${exitCode}; see above.`] };
};

/** undefined when vitest ended before it wrote one. */
const readReport = async (file: string): Promise<Report | undefined> => {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Report;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
};
