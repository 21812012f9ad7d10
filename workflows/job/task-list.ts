import type { JobState, JobTask } from "#domain/job.ts";
import { now } from "#workflows/clock.ts";

/** A job's tasks as people watch them: all of the scenario's from the start, and what is undone when it fails behind them. */
export interface TaskList {
  readonly tasks: readonly JobTask[];
  begin(name: string): void;
  end(name: string, state: JobState): void;
  detail(name: string, detail: string): void;
}

export function taskList(names: readonly string[]): TaskList {
  let tasks: readonly JobTask[] = names.map((name) => ({ name, state: "NotStarted" }));
  const change = (name: string, to: Partial<JobTask>): void => {
    tasks = tasks.map((task) => (task.name === name ? { ...task, ...to } : task));
  };
  return {
    get tasks() {
      return tasks;
    },
    begin(name) {
      if (!tasks.some((task) => task.name === name)) tasks = [...tasks, { name, state: "NotStarted" }];
      change(name, { state: "InProgress", startedAt: now() });
    },
    end: (name, state) => change(name, { state, endedAt: now() }),
    detail: (name, detail) => change(name, { detail }),
  };
}
