import type { CliContext } from "./context.ts";
import { jobTitle, taskLines } from "./text/job-text.ts";
import { progressText } from "./text/quantities.ts";
import type { JobTask, JobView } from "#domain/job.ts";

export interface JobDisplay {
  show(job: JobView): void;
  end(): void;
}

/** At a terminal a block that is redrawn; elsewhere one line for each change. */
export const liveJob = (context: CliContext): JobDisplay =>
  context.terminal.live.err ? redrawn(context) : lineByLine(context);

const redrawn = ({ terminal, now }: CliContext): JobDisplay => {
  let drawn = 0;
  let last: JobView | undefined;
  const draw = (): void => {
    if (last === undefined) return;
    const lines = [jobTitle(last), ...taskLines(last, now())].map((line) => line.slice(0, terminal.columns - 1));
    // Up to the block's first line, then each line anew.
    const up = drawn === 0 ? "" : `\u001b[${String(drawn)}A`;
    terminal.err(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join("")}`);
    drawn = lines.length;
  };
  // The time goes on also where nothing else changes.
  const clock = setInterval(draw, 1000);
  return {
    show(job) {
      last = job;
      draw();
    },
    end() {
      clearInterval(clock);
    },
  };
};

/** Coarse enough that a long copy does not fill a log: a line every tenth. */
const step = (task: JobTask): number =>
  task.bytesTotal === undefined || task.bytesTotal === 0
    ? 0
    : Math.floor((10 * (task.bytesDone ?? 0)) / task.bytesTotal);

/** A task that runs, with nothing to say of it. */
const begun = "InProgress 0 ";

const lineByLine = ({ terminal }: CliContext): JobDisplay => {
  const told = new Map<string, string>();
  let title = false;
  return {
    show(job) {
      if (!title) terminal.err(`${jobTitle(job)}\n`);
      title = true;
      for (const task of job.tasks) {
        if (task.state === "NotStarted") continue;
        const key = `${task.state} ${String(step(task))} ${task.detail ?? ""}`;
        if (told.get(task.name) === key) continue;
        const before = told.get(task.name);
        told.set(task.name, key);
        // What it waited for has come, or is all there: nothing new is said.
        if (key === begun && before?.startsWith("InProgress ") === true) continue;
        const progress =
          task.state === "InProgress" && task.bytesTotal !== undefined
            ? progressText(task.bytesDone ?? 0, task.bytesTotal)
            : undefined;
        const notes = [progress, task.detail].filter((note) => note !== undefined);
        terminal.err(`${task.name}: ${words[task.state]}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}\n`);
      }
    },
    end() {
      told.clear();
    },
  };
};

const words: Readonly<Record<JobTask["state"], string>> = {
  NotStarted: "not started",
  InProgress: "started",
  Succeeded: "done",
  Failed: "failed",
  Cancelled: "cancelled",
  Suspended: "waits for somebody",
  PartiallySucceeded: "done in part",
  CompletedWithInformation: "done, with remarks",
  Skipped: "skipped",
};
