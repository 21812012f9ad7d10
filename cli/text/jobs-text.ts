import { elapsed, jobTitle, outcomeText, taskLines } from "./job-text.ts";
import { table } from "./table.ts";
import type { JobView } from "#domain/job.ts";

/** Jobs, the newest first as they come. */
export const jobsText = (jobs: readonly JobView[], nowMs: number): string => {
  if (jobs.length === 0) return "There is no such job.\n";
  const rows = jobs.map((job) => [job.id, job.item, job.scenario, job.state, job.startedAt, elapsed(job, nowMs) ?? ""]);
  return table(["JOB", "ITEM", "SCENARIO", "STATE", "STARTED AT", "TOOK"], rows);
};

/** One job with its tasks and how it ended. */
export const jobText = (job: JobView, nowMs: number): string => {
  const lines = [jobTitle(job), ...taskLines(job, nowMs)].map((line) => `${line}\n`).join("");
  const fault =
    job.fault === undefined ? "" : `${job.fault.code}: ${job.fault.message}\n  What to do: ${job.fault.action}\n`;
  return `${lines}${outcomeText(job, nowMs)}${fault}`;
};
