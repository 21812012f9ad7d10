import { isCancellation, workflowInfo } from "@temporalio/workflow";
import type { JobFault, JobInput, JobResult, JobState, JobView } from "#domain/job.ts";
import { type Scenario, scenarioOf } from "#domain/job-scenarios.ts";
import type { OperationName } from "#domain/operations.ts";
import { now } from "#workflows/clock.ts";
import { jobPublisher } from "#workflows/job/publish.ts";
import { taskList } from "#workflows/job/task-list.ts";

/** What is shown of a job: written by the runner, read by queries and by Temporal's UI. */
export interface JobLedger {
  readonly view: JobView;
  /** Does `work` as the task of that name: begun, and ended as it turns out. */
  task<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
  /** The task is not needed this time. */
  skip(name: string, why: string): void;
  note(detail: string): void;
  /** The same, seen at once: what will be so for a while. */
  tell(detail: string): void;
  inform(sentence: string): void;
  /** Where the machine ran when the job began. */
  place(site: string): void;
  close(end: { readonly state: JobState; readonly fault?: JobFault; readonly result?: JobResult }): void;
}

export function jobLedger(
  operation: OperationName,
  input: JobInput,
  scenario: Scenario = scenarioOf(operation),
): JobLedger {
  const { workflowId, startTime } = workflowInfo();
  const list = taskList(scenario.tasks);
  const information: string[] = [];
  let running: string | undefined;
  let site: string | undefined;
  let end: Pick<JobView, "fault" | "result" | "endedAt"> & { readonly state: JobState } = { state: "InProgress" };

  const view = (): JobView => ({
    id: workflowId,
    item: input.item,
    operation,
    scenario: scenario.title,
    tasks: list.tasks,
    startedAt: startTime.toISOString() as JobView["startedAt"],
    ...end,
    ...(information.length === 0 ? {} : { result: { ...end.result, information } }),
  });
  const say = jobPublisher();
  const publish = (): void => say(view(), site);
  publish();

  return {
    get view() {
      return view();
    },
    async task(name, work) {
      const outer = running;
      running = name;
      list.begin(name);
      publish();
      try {
        const result = await work();
        list.end(name, "Succeeded");
        return result;
      } catch (error) {
        list.end(name, isCancellation(error) ? "Cancelled" : "Failed");
        throw error;
      } finally {
        running = outer;
      }
    },
    skip(name, why) {
      list.detail(name, why);
      list.end(name, "Skipped");
    },
    note(detail) {
      if (running !== undefined) list.detail(running, detail);
    },
    tell(detail) {
      if (running !== undefined) list.detail(running, detail);
      publish();
    },
    inform(sentence) {
      information.push(sentence);
    },
    place(at) {
      site = at;
      publish();
    },
    close(closed) {
      const state = closed.state === "Succeeded" && information.length > 0 ? "CompletedWithInformation" : closed.state;
      end = { ...closed, state, endedAt: now() };
      publish();
    },
  };
}
