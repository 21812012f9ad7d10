import { bytesText } from "#domain/bytes-text.ts";
import { durationText, progressText } from "./quantities.ts";
import type { JobState, JobTask, JobView } from "#domain/job.ts";

const ended: readonly JobState[] = [
  "Succeeded",
  "Failed",
  "Cancelled",
  "PartiallySucceeded",
  "CompletedWithInformation",
  "Skipped",
];
export const hasEnded = (state: JobState): boolean => ended.includes(state);

const marks: Readonly<Record<JobState, string>> = {
  NotStarted: " ",
  InProgress: ">",
  Succeeded: "+",
  Failed: "!",
  Cancelled: "x",
  Suspended: "=",
  PartiallySucceeded: "~",
  CompletedWithInformation: "i",
  Skipped: "-",
};

/** How long a task or job took, or has been running. */
export const elapsed = (
  part: { readonly startedAt?: string; readonly endedAt?: string },
  nowMs: number,
): string | undefined => {
  if (part.startedAt === undefined) return undefined;
  const end = part.endedAt === undefined ? nowMs : Date.parse(part.endedAt);
  return durationText(Math.max(0, end - Date.parse(part.startedAt)));
};

const taskNotes = (task: JobTask, nowMs: number): string => {
  const notes = [
    task.state === "InProgress" && task.bytesTotal !== undefined
      ? progressText(task.bytesDone ?? 0, task.bytesTotal)
      : undefined,
    task.detail,
    task.state === "NotStarted" || task.state === "Skipped" ? undefined : elapsed(task, nowMs),
  ];
  return notes.filter((note) => note !== undefined).join(", ");
};

/** One line for each task: its mark, name, and what there is to say of it. */
export const taskLines = (job: JobView, nowMs: number): readonly string[] => {
  const width = Math.max(0, ...job.tasks.map((task) => task.name.length));
  return job.tasks.map((task) =>
    `  ${marks[task.state]} ${task.name.padEnd(width)}  ${taskNotes(task, nowMs)}`.trimEnd(),
  );
};

/** The line above the tasks. */
export const jobTitle = (job: JobView): string => `${job.scenario} of ${job.item} (job ${job.id})`;

const outcomes: Readonly<Record<JobState, string>> = {
  NotStarted: "has been waiting to start",
  InProgress: "has been running",
  Succeeded: "succeeded",
  Failed: "failed",
  Cancelled: "was cancelled",
  Suspended: "has been waiting for somebody",
  PartiallySucceeded: "succeeded in part",
  CompletedWithInformation: "succeeded, with remarks",
  Skipped: "was skipped",
};

/** What the job itself sent. The item's replication goes on where it ended: a machine that has only just started writes its first data after it. */
const sentText = (bytes: number | undefined): string | undefined => {
  if (bytes === undefined) return undefined;
  return bytes === 0 ? "nothing had changed until then" : `${bytesText(bytes)} sent`;
};

/** How a job ended, in a sentence, and what came of it in the lines below. */
export const outcomeText = (job: JobView, nowMs: number): string => {
  const time = elapsed(job, nowMs);
  const { result } = job;
  const facts = [
    result?.machineName === undefined ? undefined : `machine ${result.machineName}`,
    result?.pointTakenAt === undefined
      ? undefined
      : `point of ${result.pointTakenAt}${result.point === undefined ? "" : ` (${result.point})`}`,
    sentText(result?.bytesSent),
  ].filter((fact) => fact !== undefined);
  const took = hasEnded(job.state) ? `after ${time ?? "0 s"}` : `for ${time ?? "0 s"}`;
  const lines = [
    `${job.scenario} of ${job.item} ${outcomes[job.state]} ${took}${facts.length === 0 ? "" : `: ${facts.join(", ")}`}.`,
    ...(result?.information ?? []).map((line) => `  note: ${line}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
};
